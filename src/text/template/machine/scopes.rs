//! Variables: which names are set where. Knows values, but no instructions.

use crate::error::Result;
use crate::text::template::costs::Costs;
use crate::text::template::values::{Missing, Value};

/// Scopes in scopes; each knows the one around it. Number 0 is the template's own.
#[derive(Debug)]
pub(crate) struct Scopes {
    /// The template's own variables, by their names' numbers.
    root: Vec<Option<Value>>,
    /// The others; number `n` is at `n - 1`.
    scopes: Vec<Scope>,
    free: Vec<u32>,
    /// The innermost one.
    pub(crate) current: u32,
    /// Those that are gone back to, innermost last.
    saved: Vec<u32>,
}

#[derive(Debug, Default)]
struct Scope {
    around: u32,
    variables: Vec<(u32, Value)>,
    /// A macro may come back to it.
    captured: bool,
}

/// The template's own scope.
pub(crate) const ROOT: u32 = 0;

/// What a scope costs.
const SCOPE: usize = 64;

impl Scopes {
    /// No variables, out of this many names.
    pub(crate) fn new(names: usize) -> Self {
        Self {
            root: vec![None; names],
            scopes: Vec::new(),
            free: Vec::new(),
            current: ROOT,
            saved: Vec::new(),
        }
    }

    /// The value of a name, as the innermost scope sees it.
    pub(crate) fn get(&self, costs: &mut Costs, name: u32) -> Result<Option<&Value>> {
        let mut scope = self.current;
        let mut looked = 0;
        while scope != ROOT {
            let here = &self.scopes[scope as usize - 1];
            looked += 1 + here.variables.len();
            if let Some((_, value)) = here.variables.iter().find(|(other, _)| *other == name) {
                costs.spend(looked / 16)?;
                return Ok(Some(value));
            }
            scope = here.around;
        }
        costs.spend(looked / 16)?;
        Ok(self.root.get(name as usize).and_then(Option::as_ref))
    }

    /// Sets a name in the innermost scope.
    pub(crate) fn set(&mut self, costs: &mut Costs, name: u32, value: Value) -> Result<()> {
        if self.current == ROOT {
            if let Some(place) = self.root.get_mut(name as usize) {
                *place = Some(value);
            }
            return Ok(());
        }
        let variables = &mut self.scopes[self.current as usize - 1].variables;
        costs.spend(variables.len() / 16)?;
        match variables.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => {
                if variables.len() == variables.capacity() {
                    costs.meter.take(variables.capacity().max(4) * size_of::<(u32, Value)>())?;
                    variables.try_reserve(4)?;
                }
                variables.push((name, value));
            }
        }
        Ok(())
    }

    /// Whether the innermost scope has the parameter with this name, and it was given.
    pub(crate) fn given(&self, name: u32) -> bool {
        let Some(scope) = (self.current as usize).checked_sub(1).and_then(|at| self.scopes.get(at)) else {
            return false;
        };
        let found = scope.variables.iter().find(|(other, _)| *other == name);
        found.is_some_and(|(_, value)| !matches!(value, Value::Undefined(Missing::Parameter(_))))
    }

    /// Goes into a new scope in `around`.
    pub(crate) fn push(&mut self, costs: &mut Costs, around: u32) -> Result<()> {
        let scope = match self.free.pop() {
            Some(scope) => scope,
            None => {
                costs.meter.take(SCOPE)?;
                self.scopes.try_reserve(1)?;
                self.scopes.push(Scope::default());
                self.scopes.len() as u32
            }
        };
        self.scopes[scope as usize - 1].around = around;
        self.saved.push(self.current);
        self.current = scope;
        Ok(())
    }

    /// Leaves the innermost scope.
    pub(crate) fn pop(&mut self) {
        let left = self.current;
        self.current = self.saved.pop().unwrap_or(ROOT);
        if left != ROOT {
            self.recycle(left);
        }
    }

    /// Empties the innermost scope for another round, or exchanges it for a new one if it is captured.
    pub(crate) fn renew(&mut self, costs: &mut Costs) -> Result<()> {
        if self.current == ROOT {
            return Ok(());
        }
        let here = &mut self.scopes[self.current as usize - 1];
        if here.captured {
            let around = here.around;
            self.pop();
            return self.push(costs, around);
        }
        here.variables.clear();
        Ok(())
    }

    fn recycle(&mut self, scope: u32) {
        let here = &mut self.scopes[scope as usize - 1];
        if !here.captured {
            here.variables.clear();
            self.free.push(scope);
        }
    }

    /// The innermost scope and those around it stay as they are when they are left.
    pub(crate) fn capture(&mut self) {
        let mut scope = self.current;
        while scope != ROOT {
            let here = &mut self.scopes[scope as usize - 1];
            if here.captured {
                break;
            }
            here.captured = true;
            scope = here.around;
        }
    }

    /// How many scopes are gone back to.
    pub(crate) fn depth(&self) -> usize {
        self.saved.len()
    }
}
