//! A cache of the group index that was built last.

use std::sync::{Arc, Mutex, OnceLock};

use super::index::GroupIndex;
use super::key::Key;
use crate::error::Result;
use crate::progress::Progress;
use crate::store::Shipments;

/// The index that was built last over one `Shipments`, so that the next call with the same keys does not sort again.
/// No thread waits for the lock: if it is taken, the thread works without the cache. If a process was forked while
/// another thread held the lock, it stays taken.
#[derive(Default)]
pub struct IndexCache {
    held: Mutex<Option<(Vec<Key>, Arc<GroupIndex>)>>,
    /// The cache of the same shipments without the rows that are totals of others.
    parts: OnceLock<Arc<IndexCache>>,
}

impl IndexCache {
    pub fn get(&self, ships: &Shipments, keys: &[Key], progress: &Progress) -> Result<Arc<GroupIndex>> {
        if let Some(held) = self.held.try_lock().ok().as_deref()
            && let Some((cached, index)) = held
            && cached == keys
        {
            return Ok(index.clone());
        }
        self.put(None); // let go of the old index before the new one takes its memory
        let index = Arc::new(GroupIndex::build(ships, keys, progress)?);
        self.put(Some((keys.to_vec(), index.clone())));
        Ok(index)
    }

    /// The cache of the same shipments without the rows that are totals of others.
    pub fn without_totals(&self) -> Arc<IndexCache> {
        self.parts.get_or_init(Arc::default).clone()
    }

    fn put(&self, new: Option<(Vec<Key>, Arc<GroupIndex>)>) {
        let old = self.held.try_lock().ok().map(|mut held| std::mem::replace(&mut *held, new));
        drop(old); // it may take a while, so the lock is free again
    }
}
