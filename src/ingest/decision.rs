//! One line of the reading plan: what was decided about a source, why, and what else it could be.

#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What the decision is about: `encoding`, `delimiter`, `header`, or a role.
    pub item: String,
    pub decision: String,
    pub why: String,
    /// How to decide otherwise, or what the rivals are.
    pub alternatives: String,
}

impl Decision {
    pub fn new(
        item: impl Into<String>,
        decision: impl Into<String>,
        why: impl Into<String>,
        alternatives: impl Into<String>,
    ) -> Decision {
        Decision { item: item.into(), decision: decision.into(), why: why.into(), alternatives: alternatives.into() }
    }
}
