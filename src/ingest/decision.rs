//! A decision about a source, with the reason and the alternatives.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The subject: `encoding`, `delimiter`, `layout`, or the name of a role.
    pub item: String,
    /// The decision: `none` if a role was refused.
    pub decision: String,
    /// A sentence.
    pub why: String,
    /// Other possible decisions, or the argument that decides.
    pub alternatives: Vec<String>,
}

impl Decision {
    /// A decision that an argument can change.
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
