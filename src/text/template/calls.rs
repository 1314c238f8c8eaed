//! Calls: of functions, methods, macros and recursive loops, and the way back. Knows the machine.

use super::arguments::{Arguments, Name};
use super::attributes;
use super::costs::fault;
use super::dict::Dict;
use super::globals;
use super::machine::{Call, Machine};
use super::methods;
use super::objects::{Loop, Object};
use super::program::{Argument, Known};
use super::text::Builder;
use super::value::{Missing, ObjectId, ObjectKind, Value};
use crate::error::Result;

/// Calls in calls, about as deep as Python goes.
pub(super) const MAX_CALLS: usize = 256;

impl Machine<'_> {
    pub(super) fn arguments(&mut self, shape: u32) -> Result<Arguments> {
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
                    let items = self.items(&value)?;
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
                        self.costs.spend(1)?;
                        let Value::Text(key) = key else { return Err(fault("keywords must be strings")) };
                        arguments.named.push((Name::Key(key.clone()), value.clone()));
                    }
                }
            }
        }
        Ok(arguments)
    }

    pub(super) fn call_method(&mut self, name: u32, shape: u32) -> Result<()> {
        let arguments = self.arguments(shape)?;
        let object = self.pop();
        let text = self.name(name);
        if methods::exists(&object, text) {
            let value = methods::call(self, &object, text, arguments)?;
            self.stack.push(value);
            return Ok(());
        }
        let callee = attributes::attribute(self, object, name)?;
        self.call(callee, arguments)
    }

    /// Calls a value; its result comes on the stack, at once or when the call is over.
    pub(super) fn call(&mut self, callee: Value, arguments: Arguments) -> Result<()> {
        let value = match callee {
            Value::Object(ObjectId { kind: ObjectKind::Macro, at }) => return self.call_macro(at, arguments),
            Value::Object(ObjectId { kind: ObjectKind::Loop, at }) => return self.call_loop(at, arguments),
            Value::Object(object) => globals::call_object(self, object, arguments)?,
            Value::Function(function) => globals::call(self, function, arguments)?,
            Value::Method(method) => methods::call(self, &method.0, &method.1, arguments)?,
            Value::Undefined(missing) => return Err(self.undefined(missing)),
            other => return Err(fault(format!("'{}' object is not callable", other.type_name()))),
        };
        self.stack.push(value);
        Ok(())
    }

    fn enter(&mut self, at: usize, scope: u32, of_loop: bool) -> Result<()> {
        if self.calls.len() >= MAX_CALLS {
            return Err(fault(format!("calls are nested deeper than {MAX_CALLS}")));
        }
        self.calls.push(Call { at: self.at, loops: self.loops.len(), scopes: self.scopes.depth(), of_loop });
        self.out.push(Builder::new(&self.costs));
        self.scopes.push(&mut self.costs, scope)?;
        self.at = at;
        Ok(())
    }

    /// Ends the innermost call; what it wrote is its value.
    pub(super) fn go_back(&mut self) -> Result<()> {
        let Some(call) = self.calls.pop() else { return Err(fault("a return from no call")) };
        self.loops.truncate(call.loops);
        while self.scopes.depth() > call.scopes {
            self.scopes.pop();
        }
        self.at = call.at;
        let captured = self.captured()?;
        self.stack.push(captured);
        Ok(())
    }

    fn call_macro(&mut self, at: u32, arguments: Arguments) -> Result<()> {
        let Object::Macro(made) = *self.objects.get(at) else { return Err(fault("no macro")) };
        let Some(signature) = self.program.signatures.get(made.signature as usize) else { return Ok(()) };
        self.enter(made.entry, made.scope, false)?;
        let name = self.name(signature.name);
        let mut positional = arguments.positional.into_iter();
        let mut named = arguments.named;
        for parameter in &signature.parameters {
            let given = positional.next();
            self.costs.spend(named.len() / 8)?;
            let by_name = named.iter().position(|(name, _)| name.as_str() == self.name(*parameter));
            let value = match (given, by_name) {
                (Some(_), Some(_)) => {
                    let parameter = self.name(*parameter);
                    return Err(fault(format!(
                        "macro '{name}' got multiple values for argument '{parameter}'"
                    )));
                }
                (Some(value), None) => given_value(value),
                (None, Some(at)) => given_value(named.remove(at).1),
                (None, None) => Value::Undefined(Missing::Parameter(*parameter)),
            };
            self.scopes.set(&mut self.costs, *parameter, value)?;
        }
        self.costs.spend(named.len() / 8)?;
        let caller =
            named.iter().position(|(name, _)| name.as_str() == "caller").map(|at| named.remove(at).1);
        if signature.caller {
            let caller = caller.unwrap_or(Value::Undefined(Missing::Variable(Known::Caller as u32)));
            if !signature.parameters.contains(&(Known::Caller as u32)) {
                self.scopes.set(&mut self.costs, Known::Caller as u32, caller)?;
            }
        } else if caller.is_some() {
            return Err(fault(format!("macro '{name}' takes no keyword argument 'caller'")));
        }
        if signature.kwargs {
            let mut pairs = Vec::new();
            for (name, value) in named.drain(..) {
                pairs.push((Value::Text(name.text(&mut self.costs)?), value));
            }
            let kwargs = Value::Dict(Dict::new(&mut self.costs, pairs)?);
            self.scopes.set(&mut self.costs, Known::Kwargs as u32, kwargs)?;
        } else if let Some((unknown, _)) = named.first() {
            let unknown = unknown.as_str();
            return Err(fault(format!("macro '{name}' takes no keyword argument '{unknown}'")));
        }
        let rest: Vec<Value> = positional.collect();
        if signature.varargs {
            let varargs = Value::tuple(&mut self.costs, rest)?;
            self.scopes.set(&mut self.costs, Known::Varargs as u32, varargs)?;
        } else if !rest.is_empty() {
            let count = signature.parameters.len();
            return Err(fault(format!("macro '{name}' takes not more than {count} argument(s)")));
        }
        Ok(())
    }

    fn call_loop(&mut self, at: u32, arguments: Arguments) -> Result<()> {
        let over = arguments.one("loop", "iterable")?;
        let Some(Loop { begin, recursive: true, scope, depth, .. }) = self.objects.loop_mut(at) else {
            return Err(fault("a loop that is not 'recursive' cannot be called"));
        };
        let (begin, scope, depth) = (*begin, *scope, *depth + 1);
        self.enter(begin, scope, true)?;
        self.next_depth = depth;
        self.stack.push(over);
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
