//! The numbers that one thread gives to distinct values.

use std::cmp::Ordering;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::store::short::{mix, short};

/// The number of a null.
pub const NULL: u32 = u32::MAX;
/// Places for recent values: they fit the second-level cache.
const RECENT_BITS: u32 = 13;

/// A distinct value: a short text or a number in place, or a long text where it lies.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Short([u8; 16]),
    Long(&'a [u8]),
}

impl Value<'_> {
    /// Bytes that a view of it needs beside the view.
    pub fn held(&self) -> usize {
        match self {
            Value::Short(_) => 0,
            Value::Long(bytes) => bytes.len(),
        }
    }

    /// The text; for [`Value::Short`] in the layout of a string view: length, then bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Short(view) => &view[4..4 + usize::from(view[0])],
            Value::Long(bytes) => bytes,
        }
    }
}

/// Values are compared as texts.
impl Ord for Value<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for Value<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Value<'_> {}

/// One thread's numbering of the values it met.
pub struct Local<'a> {
    /// A part of the hash and the number: a column may have as many values as rows, so entries are small.
    short: HashTable<(u32, u32)>,
    long: HashTable<(u32, u32)>,
    pub values: Vec<Value<'a>>,
    hasher: FixedState,
    recent: Vec<(u128, u32)>,
}

impl<'a> Local<'a> {
    pub fn new() -> Self {
        Local {
            short: HashTable::new(),
            long: HashTable::new(),
            values: Vec::new(),
            hasher: FixedState::default(),
            recent: vec![(0, NULL); 1 << RECENT_BITS],
        }
    }

    /// The number of a short value. The last value met at each of a few thousand places is kept with
    /// its number: most rows need no more than one look there.
    pub fn short(&mut self, view: u128) -> u32 {
        let folded = (view as u64) ^ ((view >> 64) as u64).rotate_left(32);
        let place = (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - RECENT_BITS)) as usize;
        let (seen, id) = self.recent[place];
        if seen == view && id != NULL {
            return id;
        }
        let id = self.look_up_short(view);
        self.recent[place] = (view, id);
        id
    }

    fn look_up_short(&mut self, view: u128) -> u32 {
        let hash = mix(view);
        let wanted = view.to_le_bytes();
        let values = &self.values;
        let is = |id: u32| matches!(values[id as usize], Value::Short(held) if held == wanted);
        if let Some(&(_, id)) = self.short.find(hash, |&(part, id)| part == hash as u32 && is(id)) {
            return id;
        }
        let id = self.values.len() as u32;
        self.values.push(Value::Short(wanted));
        let values = &self.values;
        let again = |&(_, id): &(u32, u32)| match values[id as usize] {
            Value::Short(held) => mix(u128::from_le_bytes(held)),
            Value::Long(_) => 0,
        };
        self.short.insert_unique(hash, (hash as u32, id), again);
        id
    }

    pub fn long(&mut self, bytes: &'a [u8]) -> u32 {
        let hash = self.hasher.hash_one(bytes);
        let values = &self.values;
        let same = |&(part, id): &(u32, u32)| part == hash as u32 && values[id as usize].bytes() == bytes;
        if let Some(&(_, id)) = self.long.find(hash, same) {
            return id;
        }
        let id = self.values.len() as u32;
        self.values.push(Value::Long(bytes));
        let (values, hasher) = (&self.values, &self.hasher);
        self.long.insert_unique(hash, (hash as u32, id), |&(_, id)| hasher.hash_one(values[id as usize].bytes()));
        id
    }

    pub fn text(&mut self, bytes: &'a [u8]) -> u32 {
        match short(bytes) {
            Some(view) => self.short(view),
            None => self.long(bytes),
        }
    }
}
