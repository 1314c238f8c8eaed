//! Maps by their keys: how they are made, what they have for a key, and what is at a place. Knows what keys
//! are equal, not what other values are.

use std::sync::Arc;

use super::keys::{equal_keys, hash, hash_str};
use super::kinds::View;
use super::value::{CONTAINER, Dict, Value, depth_over};
use crate::error::Result;
use crate::text::template::costs::{Costs, fault};

/// Up to so many entries a key is looked for among all of them.
const SMALL: usize = 8;

impl Dict {
    /// A map of `pairs`: of equal keys the first gives the place, the last gives the value.
    ///
    /// # Errors
    /// `Template` for a key that has no hash, and over the limits of the rendering.
    pub(crate) fn new(costs: &mut Costs, pairs: Vec<(Value, Value)>) -> Result<Arc<Self>> {
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
                    if equal_keys(costs, &pairs[*earlier as usize].0, &pairs[*number as usize].0)? {
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
                if equal_keys(costs, key, other)? {
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
            if equal_keys(costs, key, &self.keys[*at as usize])? {
                return Ok(Some(*at as usize));
            }
        }
        Ok(None)
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// `Template` for a key that has no hash.
    pub(crate) fn get(&self, costs: &mut Costs, key: &Value) -> Result<Option<&Value>> {
        if matches!(key, Value::List(_) | Value::Dict(_)) {
            return Err(fault(format!("unhashable type: '{}'", key.type_name())));
        }
        Ok(self.find(costs, key)?.map(|at| &self.values[at]))
    }

    /// The value of the key that is this text.
    pub(crate) fn get_str(&self, key: &str) -> Option<&Value> {
        if self.index.is_empty() {
            return self.keys.iter().position(|other| other.as_str() == Some(key)).map(|at| &self.values[at]);
        }
        let wanted = hash_str(key);
        let from = self.index.partition_point(|(hash, _)| *hash < wanted);
        let mut same = self.index[from..].iter().take_while(|(hash, _)| *hash == wanted);
        same.find(|(_, at)| self.keys[*at as usize].as_str() == Some(key))
            .map(|(_, at)| &self.values[*at as usize])
    }
}

/// What a view of `dict` has at `at`.
pub(crate) fn entry(costs: &mut Costs, view: View, dict: &Dict, at: usize) -> Result<Option<Value>> {
    let (Some(key), Some(value)) = (dict.keys().get(at), dict.values().get(at)) else { return Ok(None) };
    Ok(Some(match view {
        View::Keys => key.clone(),
        View::Values => value.clone(),
        View::Items => Value::tuple(costs, vec![key.clone(), value.clone()])?,
    }))
}
