//! Fits as tables and back: lists of members beside the keys. Every column is checked before use.

pub mod checked;
pub mod keys;
pub mod members;
