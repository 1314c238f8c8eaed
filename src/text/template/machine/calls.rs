//! Calls: of functions, methods, macros and recursive loops, and the way back. Knows the machine.

use super::state::{Call, MAX_CALLS, Machine};
use crate::error::Result;
use crate::text::template::arguments::{Arguments, Name};
use crate::text::template::costs::fault;
use crate::text::template::filters;
use crate::text::template::operations::names::is_method;
use crate::text::template::operations::{attributes, checks, globals, methods};
use crate::text::template::program::{Argument, Known, Op};
use crate::text::template::values::{Dict, Loop, Macro, Missing, Object, ObjectKind, Signature, Value};

impl Machine<'_> {
    /// Does an instruction that calls or goes back.
    pub(super) fn step_call(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Call(shape) => {
                let arguments = self.arguments(shape)?;
                let callee = self.pop();
                self.call(callee, arguments)
            }
            Op::CallMethod(name, shape) => self.call_method(name, shape),
            Op::Filter(name, shape) => {
                let arguments = self.arguments(shape)?;
                let (name, value) = (self.rendering.name(name), self.pop());
                let value = filters::apply(&mut self.rendering, name, value, arguments)?;
                self.push(value);
                Ok(())
            }
            Op::Test(name, shape) => {
                let arguments = self.arguments(shape)?;
                let (name, value) = (self.rendering.name(name), self.pop());
                let passed = checks::apply(&mut self.rendering, name, &value, arguments)?;
                self.push(Value::Bool(passed));
                Ok(())
            }
            Op::Macro(signature, over) => {
                self.scopes.capture();
                let made = Macro { signature, entry: self.at, scope: self.scopes.current };
                let made = self.rendering.objects.add(&mut self.rendering.costs, Object::Macro(made))?;
                self.push(Value::Object(made));
                self.jump(over);
                Ok(())
            }
            _ => self.go_back(),
        }
    }

    fn arguments(&mut self, shape: u32) -> Result<Arguments> {
        let Some(shape) = self.program.shapes.get(shape as usize) else { return Ok(Arguments::default()) };
        if shape.is_empty() {
            return Ok(Arguments::default());
        }
        let values = self.take(shape.len())?;
        let mut arguments = Arguments::default();
        for (argument, value) in shape.iter().zip(values) {
            match argument {
                Argument::Positional => arguments.positional.push(value),
                Argument::Items => {
                    let items = self.rendering.items(&value)?;
                    arguments.positional.extend(items);
                }
                Argument::Named(name) => {
                    let name = self.program.names.get(*name as usize).cloned().unwrap_or_default();
                    arguments.named.push((Name::Written(name), value));
                }
                Argument::Pairs => {
                    let Value::Dict(dict) = &value else {
                        return Err(fault(format!(
                            "argument after ** must be a mapping, not {}",
                            value.type_name()
                        )));
                    };
                    for (key, value) in dict.pairs() {
                        self.rendering.costs.spend(1)?;
                        let Value::Text(key) = key else { return Err(fault("keywords must be strings")) };
                        arguments.named.push((Name::Key(key.clone()), value.clone()));
                    }
                }
            }
        }
        Ok(arguments)
    }

    fn call_method(&mut self, name: u32, shape: u32) -> Result<()> {
        let arguments = self.arguments(shape)?;
        let object = self.pop();
        let text = self.rendering.name(name);
        if is_method(&object, text) {
            let value = methods::call(&mut self.rendering, &object, text, arguments)?;
            self.push(value);
            return Ok(());
        }
        let callee = attributes::attribute(&mut self.rendering, object, name)?;
        self.call(callee, arguments)
    }

    /// Calls a value; its result comes on the stack, at once or when the call is over.
    fn call(&mut self, callee: Value, arguments: Arguments) -> Result<()> {
        let value = match callee {
            Value::Object(object) => match object.kind {
                ObjectKind::Macro => return self.call_macro(object.at, arguments),
                ObjectKind::Loop => return self.call_loop(object.at, arguments),
                _ => globals::call_object(&mut self.rendering, object, arguments)?,
            },
            Value::Function(function) => globals::call(&mut self.rendering, function, arguments)?,
            Value::Method(method) => methods::call(&mut self.rendering, &method.0, &method.1, arguments)?,
            Value::Undefined(missing) => return Err(self.rendering.undefined(missing)),
            other => return Err(fault(format!("'{}' object is not callable", other.type_name()))),
        };
        self.push(value);
        Ok(())
    }

    fn enter(&mut self, at: usize, scope: u32, of_loop: bool) -> Result<()> {
        if self.calls.len() >= MAX_CALLS {
            return Err(fault(format!("calls are nested deeper than {MAX_CALLS}")));
        }
        self.calls.push(Call { at: self.at, loops: self.loops.len(), scopes: self.scopes.depth(), of_loop });
        self.capture();
        self.scopes.push(&mut self.rendering.costs, scope)?;
        self.at = at;
        Ok(())
    }

    /// Ends the innermost call; what it wrote is its value.
    pub(super) fn go_back(&mut self) -> Result<()> {
        let Some(call) = self.calls.pop() else { return Err(fault("a return from no call")) };
        if self.loops.len() > call.loops {
            // Left without their end: what names one may still call it in its scope.
            self.scopes.capture();
            self.loops.truncate(call.loops);
        }
        while self.scopes.depth() > call.scopes {
            self.scopes.pop();
        }
        self.at = call.at;
        let captured = self.captured()?;
        self.push(captured);
        Ok(())
    }

    fn call_macro(&mut self, at: u32, arguments: Arguments) -> Result<()> {
        let Object::Macro(made) = *self.rendering.objects.get(at) else { return Err(fault("no macro")) };
        let Some(signature) = self.program.signatures.get(made.signature as usize) else { return Ok(()) };
        self.enter(made.entry, made.scope, false)?;
        let name = self.rendering.name(signature.name);
        let mut positional = arguments.positional.into_iter();
        let mut named = arguments.named;
        for parameter in &signature.parameters {
            let given = positional.next();
            self.rendering.costs.spend(named.len() / 8)?;
            let by_name = named.iter().position(|(name, _)| name.as_str() == self.rendering.name(*parameter));
            let value = match (given, by_name) {
                (Some(_), Some(_)) => {
                    let parameter = self.rendering.name(*parameter);
                    return Err(fault(format!(
                        "macro '{name}' got multiple values for argument '{parameter}'"
                    )));
                }
                (Some(value), None) => given_value(value),
                (None, Some(at)) => given_value(named.remove(at).1),
                (None, None) => Value::Undefined(Missing::Parameter(*parameter)),
            };
            self.scopes.set(&mut self.rendering.costs, *parameter, value)?;
        }
        self.give_rest(signature, positional.collect(), named)
    }

    /// Gives a macro what its parameters have not taken: `caller`, `kwargs`, `varargs`.
    fn give_rest(
        &mut self,
        signature: &Signature,
        positional: Vec<Value>,
        mut named: Vec<(Name, Value)>,
    ) -> Result<()> {
        let name = self.rendering.name(signature.name);
        self.rendering.costs.spend(named.len() / 8)?;
        let caller =
            named.iter().position(|(name, _)| name.as_str() == "caller").map(|at| named.remove(at).1);
        if signature.caller {
            let caller = caller.unwrap_or(Value::Undefined(Missing::Variable(Known::Caller as u32)));
            if !signature.parameters.contains(&(Known::Caller as u32)) {
                self.scopes.set(&mut self.rendering.costs, Known::Caller as u32, caller)?;
            }
        } else if caller.is_some() {
            return Err(fault(format!("macro '{name}' takes no keyword argument 'caller'")));
        }
        if signature.kwargs {
            let mut pairs = Vec::new();
            for (name, value) in named.drain(..) {
                pairs.push((Value::Text(name.text(&mut self.rendering.costs)?), value));
            }
            let kwargs = Value::Dict(Dict::new(&mut self.rendering.costs, pairs)?);
            self.scopes.set(&mut self.rendering.costs, Known::Kwargs as u32, kwargs)?;
        } else if let Some((unknown, _)) = named.first() {
            let unknown = unknown.as_str();
            return Err(fault(format!("macro '{name}' takes no keyword argument '{unknown}'")));
        }
        if signature.varargs {
            let varargs = Value::tuple(&mut self.rendering.costs, positional)?;
            self.scopes.set(&mut self.rendering.costs, Known::Varargs as u32, varargs)?;
        } else if !positional.is_empty() {
            let count = signature.parameters.len();
            return Err(fault(format!("macro '{name}' takes not more than {count} argument(s)")));
        }
        Ok(())
    }

    fn call_loop(&mut self, at: u32, arguments: Arguments) -> Result<()> {
        let over = arguments.one("loop", "iterable")?;
        let Some(Loop { begin, recursive: true, scope, depth, .. }) = self.rendering.objects.loop_mut(at)
        else {
            return Err(fault("a loop that is not 'recursive' cannot be called"));
        };
        let (begin, scope, depth) = (*begin, *scope, *depth + 1);
        self.enter(begin, scope, true)?;
        self.next_depth = depth;
        self.push(over);
        Ok(())
    }
}

/// A parameter that was not given is something else to the macro that it is passed on to.
fn given_value(value: Value) -> Value {
    match value {
        Value::Undefined(Missing::Parameter(_)) => Value::UNDEFINED,
        given => given,
    }
}
