//! A template's instructions with those that work on values deeply exchanged for calls that pay first.
//!
//! Knows instructions; what the calls do is in `operators` and `filters`. They are exchanged at each rendering: what is compiled borrows
//! from the environment that owns its text, so it could not be kept beside it.

use std::collections::BTreeMap;

use minijinja::machinery::{Instruction, Instructions};
use minijinja::{AutoEscape, Environment, Error, Value, machinery};

use super::filters;

type Blocks<'a> = BTreeMap<&'a str, Instructions<'a>>;

/// Renders the template `name` of `environment`.
pub(super) fn render(environment: &Environment<'_>, name: &str, values: Value) -> Result<String, Error> {
    let template = environment.get_template(name)?;
    let compiled = machinery::get_compiled_template(&template);
    let main = guard(&compiled.instructions);
    let blocks = compiled.blocks.iter().map(|(name, block)| (*name, guard(block))).collect();
    let mut out = String::new();
    run(environment, &main, &blocks, values, &mut out)?;
    Ok(out)
}

fn run<'a>(
    environment: &'a Environment<'a>,
    main: &'a Instructions<'a>,
    blocks: &'a Blocks<'a>,
    values: Value,
    out: &mut String,
) -> Result<(), Error> {
    let mut out = machinery::make_string_output(out);
    machinery::eval(environment, main, values, blocks, &mut out, AutoEscape::None).map(drop)
}

/// Takes all that `namespace` has away from it. Only an instruction can.
pub(super) fn empty(namespace: &Value) {
    let keys: Vec<Value> = namespace.try_iter().into_iter().flatten().collect();
    let mut instructions = Instructions::new("", "");
    for key in keys.iter().filter_map(Value::as_str) {
        instructions.add(Instruction::LoadConst(Value::UNDEFINED));
        instructions.add(Instruction::LoadConst(namespace.clone()));
        instructions.add(Instruction::SetAttr(key));
    }
    // It cannot fail: what has attributes to set is a namespace.
    let _ = run(&Environment::empty(), &instructions, &BTreeMap::new(), Value::UNDEFINED, &mut String::new());
}

/// The instructions with the deep ones exchanged, and jumps going where they went.
fn guard<'a>(old: &Instructions<'a>) -> Instructions<'a> {
    let mut targets = Vec::new();
    for mut instruction in each(old) {
        if let Some(target) = target(&mut instruction) {
            targets.push(*target);
        }
    }
    targets.sort_unstable();
    // Where the instruction that was the nth begins.
    let mut places = Vec::new();
    let mut new = Instructions::new(old.name(), old.source());
    let mut count = 0;
    for (at, instruction) in (0u32..).zip(each(old)) {
        places.push(count);
        // A constant name is no long key; but a jump may bring another one.
        let named = targets.binary_search(&at).is_err()
            && at.checked_sub(1).and_then(|before| old.get(before)).is_some_and(
                |before| matches!(before, Instruction::LoadConst(key) if key.as_str().is_some_and(|key| key.len() < 256)),
            );
        exchange(instruction, named, &mut |instruction| {
            count += 1;
            match (old.get_span(at), old.get_line(at)) {
                (Some(span), _) => new.add_with_span(instruction, span),
                (None, Some(line)) => new.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX)),
                (None, None) => new.add(instruction),
            };
        });
    }
    places.push(count);
    for at in 0..count {
        if let Some(target) = new.get_mut(at).and_then(target) {
            *target = places.get(*target as usize).copied().unwrap_or(*target);
        }
    }
    new
}

fn each<'a>(instructions: &Instructions<'a>) -> impl Iterator<Item = Instruction<'a>> {
    (0u32..).map_while(|at| instructions.get(at).cloned())
}

/// Where an instruction goes to.
fn target<'a>(instruction: &'a mut Instruction<'_>) -> Option<&'a mut u32> {
    match instruction {
        Instruction::Jump(target)
        | Instruction::JumpIfFalse(target)
        | Instruction::JumpIfFalseOrPop(target)
        | Instruction::JumpIfTrueOrPop(target)
        | Instruction::Iterate(target)
        | Instruction::BuildMacro(_, target, _) => Some(target),
        _ => None,
    }
}

/// Gives what does the same as `instruction` to `put`. `named`: its last operand is a short constant string.
fn exchange<'a>(instruction: Instruction<'a>, named: bool, put: &mut dyn FnMut(Instruction<'a>)) {
    /// Tests with more than this number are looked up by name.
    const BY_NAME: u8 = u8::MAX;
    let test = |name| Instruction::PerformTest(name, Some(2), BY_NAME);
    match instruction {
        Instruction::Eq => put(test("==")),
        Instruction::Ne => put(test("!=")),
        Instruction::Lt => put(test("<")),
        Instruction::Lte => put(test("<=")),
        Instruction::Gt => put(test(">")),
        Instruction::Gte => put(test(">=")),
        Instruction::In => put(test("!in")),
        Instruction::CompareAndPreserve(_) => {
            put(Instruction::CallFunction("!chain", Some(2)));
            put(Instruction::UnpackList(2));
            put(instruction);
        }
        Instruction::Add => put(Instruction::CallFunction("!+", Some(2))),
        Instruction::Mul => put(Instruction::CallFunction("!*", Some(2))),
        Instruction::StringConcat => put(Instruction::CallFunction("!~", Some(2))),
        Instruction::BuildMap(pairs) if pairs > 0 => match u16::try_from(pairs * 2) {
            Ok(args) => put(Instruction::CallFunction("!{}", Some(args))),
            // A tag has no room for as many.
            Err(_) => put(Instruction::CallFunction("!include", Some(0))),
        },
        Instruction::GetItem if !named => put(Instruction::CallFunction("![]", Some(2))),
        Instruction::Slice => {
            put(Instruction::CallFunction("!slice", Some(4)));
            put(Instruction::UnpackList(4));
            put(Instruction::Slice);
            put(Instruction::CallFunction("!list", Some(1)));
        }
        Instruction::PushLoop(_) | Instruction::FastRecurse | Instruction::CallFunction("loop", Some(1)) => {
            put(Instruction::CallFunction("!for", Some(1)));
            put(instruction);
        }
        Instruction::MergeKwargs(count) => {
            put(Instruction::CallFunction("!**", u16::try_from(count).ok()));
            put(Instruction::UnpackList(count));
            put(Instruction::MergeKwargs(count));
        }
        Instruction::CallMethod(name @ ("changed" | "cycle"), args) => {
            put(Instruction::CallFunction(if name == "changed" { "!changed" } else { "!cycle" }, args));
        }
        Instruction::ApplyFilter(name, args, local) => {
            put(Instruction::ApplyFilter(filters::guarded(name).unwrap_or(name), args, local));
        }
        Instruction::Include(_) | Instruction::LoadBlocks => {
            put(Instruction::CallFunction("!include", Some(1)));
        }
        other => put(other),
    }
}
