//! What is assigned to. Knows no expressions and no other statements.

use super::lexer::Token;
use super::parser::Parser;
use crate::error::Result;
use crate::text::template::program::Op;

impl Parser {
    /// Reads what is assigned to: names, in parentheses or not, and attributes of namespaces if `attributes`.
    pub(super) fn targets(&mut self, attributes: bool) -> Result<Vec<(Op, u32)>> {
        // For each open parenthesis: the code of its items, their number, whether a comma was there.
        let mut open = vec![(Vec::new(), 0u32, false)];
        loop {
            if self.skip("(") {
                open.push((Vec::new(), 0, false));
                continue;
            }
            let ends = self.at(")")
                || self.at("=")
                || self.at("|")
                || self.at_name("in")
                || *self.peek(0) == Token::BlockEnd;
            let line = self.line();
            if !ends {
                let name = self.expect_name()?;
                if matches!(name.as_str(), "true" | "false" | "none" | "True" | "False" | "None") {
                    return Err(self.fail(format!("can't assign to '{name}'")));
                }
                let name = self.variable(&name)?;
                let op = if attributes && self.skip(".") {
                    let attribute = self.expect_name()?;
                    Op::StoreAttribute(name, self.program.name(&attribute))
                } else {
                    Op::Store(name)
                };
                if let Some((code, count, _)) = open.last_mut() {
                    code.push((op, line));
                    *count += 1;
                }
            }
            // Behind an item: more of them, or the end of this parenthesis and of those around it.
            loop {
                if self.skip(",") {
                    if let Some((_, _, comma)) = open.last_mut() {
                        *comma = true;
                    }
                    break;
                }
                let Some((code, count, comma)) = open.pop() else { return Err(self.unexpected("a name")) };
                if count == 0 {
                    return Err(self.unexpected("a name"));
                }
                let mut whole = if comma { vec![(Op::Unpack(count), line)] } else { Vec::new() };
                whole.extend(code);
                match open.last_mut() {
                    None => return Ok(whole),
                    Some((code, count, _)) => {
                        code.extend(whole);
                        *count += 1;
                    }
                }
                self.expect(")")?;
            }
        }
    }
}
