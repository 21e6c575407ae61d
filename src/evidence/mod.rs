//! What a detector says of its subjects: the columns of its table, the cautions, the words of its reasons.

pub mod cautions;
mod scores;
pub mod wording;

pub use scores::{Cautions, SHARE, ScoreColumn, ScoreTable, Scores, SharedScores, any_nan};
