//! One line of the reading plan: what was decided about a source, why, and what else it could be.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it is about: `encoding`, `delimiter`, `layout`, or the name of a role.
    pub item: String,
    /// What was decided: `none` where a role was refused.
    pub decision: String,
    /// A sentence.
    pub why: String,
    /// What else it could have been, or the argument that decides it.
    pub alternatives: Vec<String>,
}

impl Decision {
    /// A decision that an argument overrules.
    pub fn new(
        item: impl Into<String>,
        decision: impl Into<String>,
        why: impl Into<String>,
        argument: impl Into<String>,
    ) -> Decision {
        let argument: String = argument.into();
        let alternatives = if argument.is_empty() { Vec::new() } else { vec![argument] };
        Decision { item: item.into(), decision: decision.into(), why: why.into(), alternatives }
    }
}
