//! The operators whose work the engine charges only at the top of a value, as functions and tests that pay first.
//!
//! Knows values; which instruction becomes which of these is `program`'s. Their names start with `!`, as no name that a
//! template writes can. What makes lists makes them at once: the engine's lazy ones (slices, sums, repetitions) could be
//! stacked so that one item costs any number of steps.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Kwargs, Object, ObjectRepr, Tuple, ValueKind, ValueOrKwargs};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value, functions, tests};

use super::{measure, program};

type Operate = fn(&mut State, &[Value]) -> Result<Value, Error>;
type Compare = fn(&Value, &Value) -> bool;

/// A function that is called with its arguments as they are on the engine's stack.
#[derive(Debug)]
struct Operator(Operate);

impl Object for Operator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State, args: &[Value]) -> Result<Value, Error> {
        (self.0)(state, args)
    }
}

/// Adds the operators to `environment`.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    let operators: [(&'static str, Operate); 13] = [
        ("!+", add),
        ("!*", multiply),
        ("!~", |state, args| concat(state, &args[0], &args[1])),
        ("!{}", map),
        ("![]", item),
        ("!slice", before_slice),
        ("!list", |state, args| listed(state, &args[0])),
        ("!**", before_merge),
        ("!for", before_loop),
        ("!chain", before_chained),
        ("!changed", |state, args| loop_method(state, "changed", args)),
        ("!cycle", |state, args| loop_method(state, "cycle", args)),
        ("!include", no_other_template),
    ];
    for (name, operator) in operators {
        environment.add_global(name, Value::from_object(Operator(operator)));
    }
    add_tests(environment);
    environment.add_function("dict", |state: &State, value: Option<Value>, more: Kwargs| {
        pay_for_copy(state, value.as_ref())?;
        functions::dict(value, more)
    });
}

/// The namespaces of one rendering. They can hold themselves, which no count of references ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Namespaces(Arc<Mutex<Vec<Value>>>);

impl Namespaces {
    /// Adds `namespace(…)` to `environment`.
    pub(super) fn add_to(&self, environment: &mut Environment<'_>) {
        let made = self.0.clone();
        environment.add_function("namespace", move |state: &State, defaults: Option<ValueOrKwargs>| {
            pay_for_copy(state, defaults.as_deref())?;
            let namespace = functions::namespace(defaults)?;
            made.lock().unwrap_or_else(PoisonError::into_inner).push(namespace.clone());
            Ok::<_, Error>(namespace)
        });
    }

    /// Empties them, when the rendering is over.
    pub(super) fn empty(&self) {
        let made = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for namespace in &made {
            program::empty(namespace);
        }
    }
}

/// Tests go by name, also in `select`: the engine's own are replaced.
fn add_tests(environment: &mut Environment<'static>) {
    let comparisons: [(&[&'static str], Compare); 6] = [
        (&["eq", "equalto", "=="], |a, b| a == b),
        (&["ne", "!="], |a, b| a != b),
        (&["lt", "lessthan", "<"], |a, b| a < b),
        (&["le", "<="], |a, b| a <= b),
        (&["gt", "greaterthan", ">"], |a, b| a > b),
        (&["ge", ">="], |a, b| a >= b),
    ];
    for (names, test) in comparisons {
        for name in names {
            environment.add_test(*name, move |state: &State, a: &Value, b: &Value| {
                measure::compare(state, a, b)?;
                Ok::<_, Error>(test(a, b))
            });
        }
    }
    environment.add_test("sameas", |state: &State, a: &Value, b: &Value| {
        if a.as_object().is_none() {
            measure::compare(state, a, b)?;
        }
        Ok::<_, Error>(tests::is_sameas(a, b))
    });
    environment.add_test("in", |state: &State, value: &Value, container: &Value| {
        measure::contains(state, value, container)?;
        tests::is_in(state, value, container)
    });
    environment.add_test("!in", is_in);
    for (name, start) in [("startingwith", true), ("endingwith", false)] {
        environment.add_test(name, move |state: &State, text: &Value, part: &Value| {
            for value in [text, part] {
                measure::print(state, value)?;
            }
            let letters = text.as_str().map_or(0, str::len).min(part.as_str().map_or(0, str::len));
            state.consume_fuel(letters as u64 / 256)?;
            let (text, part) = (shown(text), shown(part));
            Ok::<_, Error>(if start { text.starts_with(&*part) } else { text.ends_with(&*part) })
        });
    }
    for (name, test) in [("lower", tests::is_lower as fn(&Value) -> bool), ("upper", tests::is_upper)] {
        environment.add_test(name, move |state: &State, value: &Value| {
            state.consume_fuel(value.as_str().map_or(0, str::len) as u64 / 64)?;
            Ok::<_, Error>(test(value))
        });
    }
}

/// A string as it is, anything else as it prints.
fn shown(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed)
}

/// The operator `in`, which fails where the test is false.
fn is_in(state: &State, value: &Value, container: &Value) -> Result<bool, Error> {
    if container.as_str().is_none() && container.as_object().is_none() && !container.is_undefined() {
        let message = "cannot perform a containment check on this value";
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    measure::contains(state, value, container)?;
    tests::is_in(state, value, container)
}

/// Pays for `a < b` of `a < b < c`, whose operands it gives back, the last one first. It may as well be `a in b`.
fn before_chained(state: &mut State, args: &[Value]) -> Result<Value, Error> {
    measure::compare(state, &args[0], &args[1])?;
    measure::contains(state, &args[0], &args[1])?;
    Ok(args.iter().rev().cloned().collect())
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && !value.is_tuple()
}

fn integers(a: &Value, b: &Value) -> Option<(i64, i64)> {
    if a.is_integer() && b.is_integer() { a.as_i64().zip(b.as_i64()) } else { None }
}

fn add(state: &mut State, args: &[Value]) -> Result<Value, Error> {
    let (a, b) = (&args[0], &args[1]);
    if a.as_str().is_some() && b.as_str().is_some() {
        return concat(state, a, b);
    }
    if let Some(sum) = integers(a, b).and_then(|(a, b)| a.checked_add(b)) {
        return Ok(Value::from(sum));
    }
    let tuples = a.is_tuple() && b.is_tuple();
    if tuples || (is_list(a) && is_list(b)) {
        let mut items = measure::collect(state, a)?;
        items.append(&mut measure::collect(state, b)?);
        return Ok(if tuples { Value::from(Tuple::from(items)) } else { Value::from(items) });
    }
    scalar("a + b", a, b)
}

fn multiply(state: &mut State, args: &[Value]) -> Result<Value, Error> {
    let (a, b) = (&args[0], &args[1]);
    if let Some(product) = integers(a, b).and_then(|(a, b)| a.checked_mul(b)) {
        return Ok(Value::from(product));
    }
    let (repeated, times) = if b.is_integer() { (a, b) } else { (b, a) };
    let times = if times.is_integer() { times.as_i64() } else { None };
    let Some(times) = times.map(|times| usize::try_from(times.max(0)).unwrap_or(usize::MAX)) else {
        return scalar("a * b", a, b);
    };
    if let Some(text) = repeated.as_str() {
        measure::ensure(state, text.len().saturating_mul(times))?;
        return scalar("a * b", a, b);
    }
    if is_list(repeated) || repeated.is_tuple() {
        let items = measure::collect(state, repeated)?;
        // A slot of a list is 32 bytes to the engine.
        measure::ensure(state, items.len().saturating_mul(times).saturating_mul(32))?;
        let times = if items.is_empty() { 0 } else { times };
        let all: Vec<Value> = (0..times).flat_map(|_| items.iter().cloned()).collect();
        return Ok(if repeated.is_tuple() { Value::from(Tuple::from(all)) } else { Value::from(all) });
    }
    scalar("a * b", a, b)
}

/// What the engine makes of operands that are not lists, errors too.
fn scalar(expression: &'static str, a: &Value, b: &Value) -> Result<Value, Error> {
    let environment = Environment::new();
    let values = Value::from_pairs([("a", a.clone()), ("b", b.clone())]);
    let result = environment.compile_expression(expression)?.eval(values);
    // Where it happened is the template's to say.
    result.map_err(|error| Error::new(error.kind(), error.detail().unwrap_or_default().to_owned()))
}

/// `a ~ b`, and `a + b` of strings.
fn concat(state: &mut State, a: &Value, b: &Value) -> Result<Value, Error> {
    if a.is_safe() != b.is_safe() && !matches!(state.auto_escape(), AutoEscape::None) {
        let mut out = String::new();
        for value in [a, b] {
            match value.as_str().filter(|_| value.is_safe()) {
                Some(text) => out.push_str(text),
                None => out.push_str(&state.format(value.clone())?),
            }
        }
        return Ok(Value::from_safe_string(out));
    }
    let (Some(left), Some(right)) = (a.as_str(), b.as_str()) else {
        for value in [a, b] {
            measure::print(state, value)?;
            measure::ensure(state, value.as_str().map_or(0, str::len))?;
        }
        return Ok(Value::from(format!("{a}{b}")));
    };
    measure::ensure(state, left.len() + right.len())?;
    let out = [left, right].concat();
    Ok(if a.is_safe() && b.is_safe() { Value::from_safe_string(out) } else { Value::from(out) })
}

/// `{key: value, …}`
fn map(_: &mut State, args: &[Value]) -> Result<Value, Error> {
    for pair in args.chunks_exact(2) {
        measure::key(&pair[0])?;
    }
    Ok(Value::from_pairs(args.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()))))
}

/// `container[key]`
fn item(state: &mut State, args: &[Value]) -> Result<Value, Error> {
    let (container, key) = (&args[0], &args[1]);
    match container.kind() {
        ValueKind::Map => measure::lookup(state, key)?,
        // Their letters or items are counted from the start.
        ValueKind::String => state.consume_fuel(container.as_str().map_or(0, str::len) as u64 / 128)?,
        ValueKind::Iterable => {
            let len = container.len().map_or(u64::MAX, |len| len as u64);
            let steps = match key.as_i64() {
                None => 0,
                // From the end: all of them are gone through.
                Some(..0) => container.len().map_or(0, |len| len as u64),
                Some(at) => len.min(at.unsigned_abs()),
            };
            state.consume_fuel(steps / 2)?;
        }
        _ => {}
    }
    container.get_item(key)
}

/// Pays for `value[start:stop:step]`, whose operands it gives back, the last one first.
fn before_slice(state: &mut State, args: &[Value]) -> Result<Value, Error> {
    let value = &args[0];
    let steps = match value.as_str() {
        Some(text) => text.len() / 128,
        None => value.len().unwrap_or(0) / 16,
    };
    state.consume_fuel(steps as u64)?;
    Ok(args.iter().rev().cloned().collect())
}

/// A list in place of something that makes its items when asked.
pub(super) fn listed(state: &State, value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Iterable => measure::collect(state, value).map(Value::from),
        _ => Ok(value.clone()),
    }
}

/// Pays for a loop over `value`, which it gives back. The letters of a text are counted first.
fn before_loop(state: &mut State, args: &[Value]) -> Result<Value, Error> {
    state.consume_fuel(args[0].as_str().map_or(0, str::len) as u64 / 128)?;
    Ok(args[0].clone())
}

/// Pays for the copies that `f(**a, **b)` makes of its maps, which it gives back, the last one first.
fn before_merge(state: &mut State, args: &[Value]) -> Result<Value, Error> {
    for value in args {
        pay_for_copy(state, Some(value))?;
    }
    Ok(args.iter().rev().cloned().collect())
}

fn pay_for_copy(state: &State, value: Option<&Value>) -> Result<(), Error> {
    state.consume_fuel(value.and_then(Value::len).unwrap_or(0) as u64)
}

/// `loop.changed(…)`, which compares, and `loop.cycle(…)`, which divides by the number of its arguments.
fn loop_method(state: &mut State, name: &str, args: &[Value]) -> Result<Value, Error> {
    let [object, rest @ ..] = args else { return Err(Error::from(ErrorKind::MissingArgument)) };
    if rest.is_empty() && name == "cycle" {
        return Err(Error::from(ErrorKind::MissingArgument));
    }
    for value in rest {
        measure::spend(state, value, measure::Purpose::Keep)?;
    }
    object.call_method(state, name, rest)
}

fn no_other_template(_: &mut State, _: &[Value]) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::TemplateNotFound, "a chat template has no other template to include"))
}
