//! The meaning of a column.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Id,
    Date,
    Hs,
    Description,
    Origin,
    Destination,
    Exporter,
    Importer,
    Value,
    Quantity,
    QuantityUnit,
    NetWeight,
    GrossWeight,
    ReportedBy,
    Currency,
    WeightUnit,
    Flow,
}

/// How the column of a role is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    Text,
    Date,
    Hs,
    Number,
    Side,
}

impl Role {
    pub const ALL: [Role; 17] = [
        Role::Id,
        Role::Date,
        Role::Hs,
        Role::Description,
        Role::Origin,
        Role::Destination,
        Role::Exporter,
        Role::Importer,
        Role::Value,
        Role::Quantity,
        Role::QuantityUnit,
        Role::NetWeight,
        Role::GrossWeight,
        Role::ReportedBy,
        Role::Currency,
        Role::WeightUnit,
        Role::Flow,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Role::Id => "id",
            Role::Date => "date",
            Role::Hs => "hs",
            Role::Description => "description",
            Role::Origin => "origin",
            Role::Destination => "destination",
            Role::Exporter => "exporter",
            Role::Importer => "importer",
            Role::Value => "value",
            Role::Quantity => "quantity",
            Role::QuantityUnit => "quantity_unit",
            Role::NetWeight => "net_weight",
            Role::GrossWeight => "gross_weight",
            Role::ReportedBy => "reported_by",
            Role::Currency => "currency",
            Role::WeightUnit => "weight_unit",
            Role::Flow => "flow",
        }
    }

    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|r| r.name() == name)
    }

    pub fn kind(self) -> RoleKind {
        match self {
            Role::Date => RoleKind::Date,
            Role::Hs => RoleKind::Hs,
            Role::Value | Role::Quantity | Role::NetWeight | Role::GrossWeight => RoleKind::Number,
            Role::ReportedBy => RoleKind::Side,
            _ => RoleKind::Text,
        }
    }

    pub fn is_country(self) -> bool {
        matches!(self, Role::Origin | Role::Destination)
    }

    /// Whether it holds firms or descriptions, where words may stand for a missing value.
    pub fn is_words(self) -> bool {
        matches!(self, Role::Exporter | Role::Importer | Role::Description)
    }

    /// Whether the role may change the texts of its column. The column keeps the original texts under its own name.
    pub fn rewrites(self) -> bool {
        self.is_country() || self.is_words() || self.kind() == RoleKind::Side
    }
}
