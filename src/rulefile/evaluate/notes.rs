//! What is known of texts that came from somewhere. Python has them as a kind of `str` that carries flags, and loses them
//! when the text is changed. Here a text stays a text, and it is the value itself that is known, by its identity. That is
//! safe because such a value is allocated on a heap of its own, where nothing moves and equal texts are not merged with
//! others of the file.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use starlark::values::{FrozenHeap, FrozenHeapRef, FrozenValue, Value, ValueIdentity};

use crate::rulefile::rule::Flags;

#[derive(Default)]
struct Store {
    /// Only asked by key, so that its order is never seen.
    flags: HashMap<ValueIdentity<'static>, Flags>,
    /// Keeps the values where they are.
    heaps: Vec<FrozenHeapRef>,
}

/// Texts with their flags.
#[derive(Default)]
pub struct Notes {
    kept: RwLock<Store>,
    /// Those of the call of a function for a job.
    of_call: RwLock<Store>,
}

impl Notes {
    /// Texts that carry these flags wherever they go unchanged.
    pub fn note<'t>(&self, texts: impl Iterator<Item = &'t str>, flags: &Flags) -> Arc<[FrozenValue]> {
        note(&self.kept, texts, flags)
    }

    /// The same, until the function that is called is through.
    pub fn note_in_call<'t>(&self, texts: impl Iterator<Item = &'t str>, flags: &Flags) -> Arc<[FrozenValue]> {
        note(&self.of_call, texts, flags)
    }

    /// The flags that a text carries.
    pub fn flags<'v>(&self, text: Value<'v>) -> Option<Flags> {
        fn known<'v>(flags: &HashMap<ValueIdentity<'v>, Flags>, text: Value<'v>) -> Option<Flags> {
            flags.get(&text.identity()).cloned()
        }
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let of_call = self.of_call.read().unwrap_or_else(PoisonError::into_inner);
        known(&kept.flags, text).or_else(|| known(&of_call.flags, text))
    }

    /// The call is through, and nothing of it is left.
    pub fn forget_call(&self) {
        let mut of_call = self.of_call.write().unwrap_or_else(PoisonError::into_inner);
        if !of_call.heaps.is_empty() {
            *of_call = Store::default();
        }
    }
}

fn note<'t>(store: &RwLock<Store>, texts: impl Iterator<Item = &'t str>, flags: &Flags) -> Arc<[FrozenValue]> {
    let heap = FrozenHeap::new();
    let mut store = store.write().unwrap_or_else(PoisonError::into_inner);
    let values: Arc<[FrozenValue]> = texts
        .map(|text| {
            let value = heap.alloc(text);
            // Texts of one character are the same value everywhere.
            if text.chars().nth(1).is_some() {
                store.flags.insert(value.to_value().identity(), flags.clone());
            }
            value
        })
        .collect();
    store.heaps.push(heap.into_ref());
    values
}
