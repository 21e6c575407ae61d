//! What was decided about a source, for a page that lists it.

/// One decision of the reading plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it is about: `layout`, or the name of a role.
    pub item: String,
    /// What was decided: the name of a layout or of a column, `none` where a role was refused.
    pub decision: String,
    /// A sentence.
    pub why: String,
    /// What else it could have been: names of layouts or columns.
    pub alternatives: Vec<String>,
}
