//! What a profile says of redaction.

use super::Fields;

/// The redaction policies that this program brings along.
const POLICIES: [&str; 1] = ["standard/1"];

/// What a profile adds to the redaction policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileRedaction {
    /// Hosts whose names are masked wherever they stand.
    pub hosts: Vec<String>,
    /// Domains whose names are masked wherever they stand.
    pub domains: Vec<String>,
    /// Users, or customers, whose names are masked wherever they stand.
    pub users: Vec<String>,
}

/// Reads what a profile says of redaction.
pub(super) fn read(fields: &mut Fields<'_>) -> ProfileRedaction {
    let Some(mut table) = fields.table("redaction") else { return ProfileRedaction::default() };
    let policy = table.text("policy");
    if let Some(policy) = policy.filter(|policy| !POLICIES.contains(&policy.value)) {
        let help = format!("known: {}", POLICIES.join(", "));
        table.wrong_but(&policy, format!("there is no redaction policy {}", policy.value), help);
    }
    let [hosts, domains, users] = ["hosts", "domains", "users"].map(|field| names(&mut table, field));
    table.done();
    ProfileRedaction { hosts, domains, users }
}

/// Names, each of which can be found in a text.
pub(super) fn names(fields: &mut Fields<'_>, field: &'static str) -> Vec<String> {
    let names = fields.texts(field);
    for name in names.iter().filter(|name| name.value.trim().len() < 3) {
        fields.wrong(name, "a name has at least three letters");
    }
    names.into_iter().map(|name| name.value.to_owned()).collect()
}
