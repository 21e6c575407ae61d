//! Fits as tables and back: lists of members beside the keys, and every column checked before it is used.

pub mod checked;
pub mod members;
