//! Maps that keep their order and never change once they are made. Knows values only.

use std::sync::Arc;

use super::costs::{Costs, Meter, fault};
use super::order::{equal, hash};
use super::value::{CONTAINER, Value, depth_over, drop_deep};
use crate::error::Result;

/// Up to so many entries a key is looked for among all of them.
const SMALL: usize = 8;

/// A map.
#[derive(Debug)]
pub(super) struct Dict {
    keys: Vec<Value>,
    values: Vec<Value>,
    /// Hashes of keys and where they are, ascending; empty for a small map.
    index: Vec<(u64, u32)>,
    depth: u16,
    held: usize,
    meter: Option<Arc<Meter>>,
}

impl Drop for Dict {
    fn drop(&mut self) {
        if let Some(meter) = &self.meter {
            meter.give(self.held);
        }
        drop_deep(std::mem::take(&mut self.keys));
        drop_deep(std::mem::take(&mut self.values));
    }
}

impl Dict {
    /// A map of `pairs`: of equal keys the first gives the place, the last gives the value.
    ///
    /// # Errors
    /// `Template` for a key that has no hash, and over the limits of the rendering.
    pub(super) fn new(costs: &mut Costs, pairs: Vec<(Value, Value)>) -> Result<Arc<Self>> {
        costs.spend(pairs.len())?;
        let count = pairs.len();
        let mut dict = Self {
            keys: Vec::new(),
            values: Vec::new(),
            index: Vec::new(),
            depth: 0,
            held: 0,
            meter: Some(costs.meter.clone()),
        };
        let bytes = CONTAINER + count * (2 * size_of::<Value>() + size_of::<(u64, u32)>());
        costs.meter.take(bytes)?;
        dict.held = bytes;
        dict.keys.try_reserve_exact(count)?;
        dict.values.try_reserve_exact(count)?;
        if count > SMALL {
            dict.insert_hashed(costs, pairs)?;
        } else {
            for (key, value) in pairs {
                hash(costs, &key)?;
                match dict.find(costs, &key)? {
                    Some(at) => dict.values[at] = value,
                    None => dict.put(key, value),
                }
            }
        }
        dict.depth = depth_over(&dict.keys)?.max(depth_over(&dict.values)?);
        Ok(Arc::new(dict))
    }

    fn put(&mut self, key: Value, value: Value) {
        self.keys.push(key);
        self.values.push(value);
    }

    fn insert_hashed(&mut self, costs: &mut Costs, pairs: Vec<(Value, Value)>) -> Result<()> {
        let mut hashes = Vec::new();
        hashes.try_reserve_exact(pairs.len())?;
        for (number, (key, _)) in (0u32..).zip(&pairs) {
            hashes.push((hash(costs, key)?, number));
        }
        hashes.sort_unstable();
        // For each pair the first one with the same key.
        let mut first: Vec<u32> = (0..pairs.len() as u32).collect();
        for same in hashes.chunk_by(|a, b| a.0 == b.0) {
            for (at, (_, number)) in same.iter().enumerate().skip(1) {
                for (_, earlier) in &same[..at] {
                    costs.spend(1)?;
                    if equal(costs, &pairs[*earlier as usize].0, &pairs[*number as usize].0)? {
                        first[*number as usize] = first[*earlier as usize];
                        break;
                    }
                }
            }
        }
        let mut places = vec![0u32; pairs.len()];
        for (number, (key, value)) in pairs.into_iter().enumerate() {
            let earlier = first[number] as usize;
            if earlier == number {
                places[number] = self.keys.len() as u32;
                self.put(key, value);
            } else {
                let place = places[earlier] as usize;
                self.values[place] = value;
            }
        }
        hashes.retain(|(_, number)| first[*number as usize] == *number);
        hashes.iter_mut().for_each(|(_, number)| *number = places[*number as usize]);
        self.index = hashes;
        Ok(())
    }

    fn find(&self, costs: &mut Costs, key: &Value) -> Result<Option<usize>> {
        if self.index.is_empty() {
            for (at, other) in self.keys.iter().enumerate() {
                if equal(costs, key, other)? {
                    return Ok(Some(at));
                }
            }
            return Ok(None);
        }
        let wanted = hash(costs, key)?;
        let from = self.index.partition_point(|(hash, _)| *hash < wanted);
        for (found, at) in &self.index[from..] {
            if *found != wanted {
                break;
            }
            costs.spend(1)?;
            if equal(costs, key, &self.keys[*at as usize])? {
                return Ok(Some(*at as usize));
            }
        }
        Ok(None)
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// `Template` for a key that has no hash.
    pub(super) fn get(&self, costs: &mut Costs, key: &Value) -> Result<Option<&Value>> {
        if matches!(key, Value::List(_) | Value::Dict(_)) {
            return Err(fault(format!("unhashable type: '{}'", key.type_name())));
        }
        Ok(self.find(costs, key)?.map(|at| &self.values[at]))
    }

    /// The value of the key that is this text.
    pub(super) fn get_str(&self, key: &str) -> Option<&Value> {
        if self.index.is_empty() {
            return self.keys.iter().position(|other| other.as_str() == Some(key)).map(|at| &self.values[at]);
        }
        let wanted = super::order::hash_str(key);
        let from = self.index.partition_point(|(hash, _)| *hash < wanted);
        let mut same = self.index[from..].iter().take_while(|(hash, _)| *hash == wanted);
        same.find(|(_, at)| self.keys[*at as usize].as_str() == Some(key))
            .map(|(_, at)| &self.values[*at as usize])
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn depth(&self) -> u16 {
        self.depth
    }

    pub(super) fn keys(&self) -> &[Value] {
        &self.keys
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.keys.iter().zip(&self.values)
    }

    pub(super) fn into_values(mut self) -> Vec<Value> {
        let mut values = std::mem::take(&mut self.keys);
        values.append(&mut self.values);
        values
    }
}
