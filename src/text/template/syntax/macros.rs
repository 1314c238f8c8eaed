//! Macros and calls with a body. Knows no other statements.

use super::blocks::Kind;
use super::grammar::Task;
use super::parser::Parser;
use crate::error::Result;
use crate::text::template::program::{Argument, Known, Op};
use crate::text::template::values::Signature;

impl Parser {
    /// `(a, b=1)`: the parameters; the defaults' code goes to where the body begins.
    fn signature(&mut self) -> Result<Signature> {
        let mut signature = Signature::default();
        let mut defaults = false;
        self.expect("(")?;
        while !self.skip(")") {
            if !signature.parameters.is_empty() {
                self.expect(",")?;
            }
            let name = self.expect_name()?;
            let name = self.variable(&name)?;
            signature.parameters.push(name);
            if self.skip("=") {
                defaults = true;
                let given = self.put(Op::JumpIfGiven(name, 0));
                self.read(Task::Expression)?;
                self.put(Op::Store(name));
                self.land(given);
            } else if defaults {
                return Err(self.fail("a parameter without a default behind one that has it"));
            }
        }
        Ok(signature)
    }

    pub(super) fn begin_macro(&mut self) -> Result<()> {
        let name = self.expect_name()?;
        let name = self.variable(&name)?;
        let at = self.put(Op::Macro(0, 0));
        let mut signature = self.signature()?;
        signature.name = name;
        self.open("endmacro", Kind::Macro { at, signature, call: None })
    }

    pub(super) fn begin_call(&mut self) -> Result<()> {
        let at = self.put(Op::Macro(0, 0));
        let mut signature = if self.at("(") { self.signature()? } else { Signature::default() };
        signature.name = Known::Caller as u32;
        // The call's code comes before the body's: it is read behind the defaults, and put before the macro.
        let start = self.here();
        self.read(Task::Expression)?;
        let mut code = self.cut(start);
        let mut body = self.cut(at);
        let Some((call @ (Op::Call(shape) | Op::CallMethod(_, shape)), line)) = code.pop() else {
            return Err(self.fail("expected a call"));
        };
        let mut shape = self.program.shapes.get(shape as usize).cloned().unwrap_or_default();
        // Behind `**pairs` too: the macro is what comes on the stack last.
        shape.push(Argument::Named(Known::Caller as u32));
        let shape = self.program.shape(shape);
        let call = match call {
            Op::CallMethod(name, _) => Op::CallMethod(name, shape),
            _ => Op::Call(shape),
        };
        self.program.code.extend(code);
        let at = self.here();
        self.program.code.append(&mut body);
        self.open("endcall", Kind::Macro { at, signature, call: Some((call, line)) })
    }

    pub(super) fn end_macro(&mut self, at: usize, mut signature: Signature, call: Option<(Op, u32)>) {
        self.put(Op::Return);
        let body = self.program.code.get(at..).unwrap_or_default();
        signature.varargs = asks_for(body, Known::Varargs);
        signature.kwargs = asks_for(body, Known::Kwargs);
        signature.caller = asks_for(body, Known::Caller);
        let name = signature.name;
        self.program.signatures.push(signature);
        let number = self.program.signatures.len() as u32 - 1;
        if let Some((op, _)) = self.program.code.get_mut(at) {
            *op = Op::Macro(number, 0);
        }
        self.land(at);
        match call {
            None => drop(self.put(Op::Store(name))),
            Some(call) => {
                self.program.code.push(call);
                self.put(Op::Emit);
            }
        }
    }
}

/// Whether `code` asks for the variable `name`.
fn asks_for(code: &[(Op, u32)], name: Known) -> bool {
    code.iter().any(|(op, _)| *op == Op::Load(name as u32))
}
