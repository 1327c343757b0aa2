//! Plain values: what a Rulefile's expressions come to, whichever evaluator computed them, and what a job is given.
//! Serialisable, comparable, without syntax; knows nothing of evaluators or files.

use serde::{Deserialize, Serialize};

/// A value as JSON and YAML have it, with integers and floats told apart and dictionaries in their written order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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

/// An ordered dictionary with text keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dict(pub Vec<(String, Value)>);

impl Dict {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub fn insert(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// The value under a key, made a `None` if there is none yet.
    pub fn entry(&mut self, key: &str) -> &mut Value {
        let at = self.0.iter().position(|(k, _)| k == key).unwrap_or_else(|| {
            self.0.push((key.to_owned(), Value::None));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

impl Serialize for Dict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(k, v)| (k, v)))
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
                let mut out = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    out.push(entry);
                }
                Ok(Dict(out))
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
