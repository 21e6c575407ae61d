//! The results of a detector: the columns of its table, the cautions, and the texts of its reasons.

pub mod cautions;
mod scores;
mod verdicts;
pub mod wording;

pub use scores::{Account, Column, PARALLEL_ROWS, ScoreColumn, ScoreTable, Scores, SharedScores, any_nan};
pub use verdicts::{Cautions, Evidence, Reader, Verdicts, direction};
