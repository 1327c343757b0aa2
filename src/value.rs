//! Plain values: what a Rulefile's expressions come to, whichever evaluator computed them, and what a job is given.
//! Serialisable, comparable, without syntax; knows nothing of evaluators or files.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

/// A value as JSON and YAML have it, with integers and floats told apart and dictionaries in their written order.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(untagged)]
pub enum Value {
    #[default]
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    List(Vec<Value>),
    Dict(Dict),
}

impl Value {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Under this key serde_json hands over a number as text, when a dependency has asked it for arbitrary precision.
const NUMBER_AS_TEXT: &str = "$serde_json::private::Number";

struct ValueVisitor;

impl<'de> serde::de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("plain data")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Str(value.to_owned()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element()? {
            out.push(item);
        }
        Ok(Value::List(out))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Dict::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == NUMBER_AS_TEXT {
                let text: String = map.next_value()?;
                let float = || text.parse().map(Value::Float).map_err(serde::de::Error::custom);
                return text.parse().map(Value::Int).or_else(|_| float());
            }
            let value = map.next_value()?;
            out.insert(key, value);
        }
        Ok(Value::Dict(out))
    }
}

/// An ordered dictionary with text keys. One of many entries has an index, so that looking up is as fast in a large one
/// as in a small one.
#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<(String, Value)>,
    /// Places in `entries`, by the key's hash; none as long as there are few.
    index: Option<Box<HashTable<u32>>>,
}

/// Up to so many entries, looking at each is as fast as a hash.
const FEW: usize = 8;

fn hash(key: &str) -> u64 {
    FxBuildHasher.hash_one(key)
}

impl Dict {
    fn place(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.find(hash(key), |&at| self.entries[at as usize].0 == key).map(|&at| at as usize),
            None => self.entries.iter().position(|(known, _)| known == key),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).map(|at| &self.entries[at].1)
    }

    /// Sets the value under a key; a new one comes last.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        match self.place(&key) {
            Some(at) => self.entries[at].1 = value,
            None => self.push(key, value),
        }
    }

    /// The value under a key, made a `None` if there is none yet.
    pub fn entry(&mut self, key: &str) -> &mut Value {
        let at = self.place(key).unwrap_or_else(|| {
            self.push(key.to_owned(), Value::None);
            self.entries.len() - 1
        });
        &mut self.entries[at].1
    }

    /// Adds a key that is not there yet.
    fn push(&mut self, key: String, value: Value) {
        let number = |at: usize| u32::try_from(at).expect("fewer than 2^32 entries");
        self.entries.push((key, value));
        let (entries, count) = (&self.entries, self.entries.len());
        let rehash = |&at: &u32| hash(&entries[at as usize].0);
        match &mut self.index {
            Some(index) => drop(index.insert_unique(hash(&entries[count - 1].0), number(count - 1), rehash)),
            None if count > FEW => {
                let mut index = HashTable::with_capacity(2 * count);
                for (at, (key, _)) in entries.iter().enumerate() {
                    index.insert_unique(hash(key), number(at), rehash);
                }
                self.index = Some(Box::new(index));
            }
            None => {}
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, (String, Value)> {
        self.entries.iter()
    }
}

impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl std::fmt::Debug for Dict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (key, value))).finish()
    }
}

/// Of entries with one key the last counts, at the place of the first.
impl FromIterator<(String, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        let mut dict = Dict::default();
        for (key, value) in entries {
            dict.insert(key, value);
        }
        dict
    }
}

impl IntoIterator for Dict {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Dict {
    type Item = &'a (String, Value);
    type IntoIter = std::slice::Iter<'a, (String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Dict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(k, v)| (k, v)))
    }
}

impl<'de> Deserialize<'de> for Dict {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Dict;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map with text keys")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Dict, A::Error> {
                let mut out = Dict::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    out.insert(key, value);
                }
                Ok(out)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Positional and named values in one sequence, as Snakemake's `Namedlist`: `input[0]`, `input.reads`.
/// A name covers one value, or a run of them where it was given a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named<T> {
    pub items: Vec<T>,
    /// Name, first item, and how many items: `None` for a single value, `Some(n)` for a list of n.
    pub names: Vec<(String, u32, Option<u32>)>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named { items: Vec::new(), names: Vec::new() }
    }
}

impl<T> Named<T> {
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Named<U> {
        Named { items: self.items.iter().map(f).collect(), names: self.names.clone() }
    }

    /// The items under a name.
    pub fn get(&self, name: &str) -> Option<&[T]> {
        let (_, start, count) = self.names.iter().find(|(n, _, _)| n == name)?;
        self.items.get(*start as usize..(*start + count.unwrap_or(1)) as usize)
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_dictionary_is_looked_up_by_hash_and_keeps_its_order() {
        let mut dict: Dict = (0..100_000).map(|n| (n.to_string(), Value::Int(n))).collect();
        dict.insert("5", Value::None);
        *dict.entry("last") = Value::Bool(true);
        assert_eq!(
            (dict.len(), dict.get("99999"), dict.get("5")),
            (100_001, Some(&Value::Int(99_999)), Some(&Value::None))
        );
        assert_eq!(dict.get("no"), None);
        assert!(dict.iter().take(100_000).enumerate().all(|(at, (key, _))| *key == at.to_string()));
        assert_eq!(dict.clone(), dict);
        let twice = Dict::from_iter([("a", 1), ("b", 2), ("a", 3)].map(|(key, n)| (key.to_owned(), Value::Int(n))));
        assert!(twice.iter().map(|(key, _)| key.as_str()).eq(["a", "b"]));
        assert_eq!(twice.get("a"), Some(&Value::Int(3)));
    }

    #[test]
    fn json_keeps_numbers_and_order() {
        let text = r#"{"b":1,"a":[2.5,-3,null,true,"x",1e30],"c":{}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let Value::Dict(dict) = &value else { panic!("{value:?}") };
        assert_eq!(dict.get("b"), Some(&Value::Int(1)));
        let Some(Value::List(items)) = dict.get("a") else { panic!("{value:?}") };
        assert_eq!(items[0], Value::Float(2.5));
        assert_eq!(items[1], Value::Int(-3));
        assert_eq!(serde_json::to_string(&value).unwrap(), text.replace("1e30", "1e+30"));
    }
}
