//! Everything that is wrong with one request, gathered before anything is said.

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request: `license.end_user.name`.
    pub field: String,
    /// What it must be, as the rest of a sentence that begins with the field: `must be at least 1`.
    pub description: String,
}

/// The violations of one request.
///
/// Invariant: a parser goes on after a violation, so that the caller hears of all of them at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a violation.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// Refuses a field that only the service sets.
    pub fn refuse_set(&mut self, field: &str, is_set: bool) {
        if is_set {
            self.add(field, "is set by the service: leave it empty");
        }
    }

    /// Takes a parsed value, or notes why it is none.
    pub fn take<T>(&mut self, field: &str, parsed: Result<T, impl Into<String>>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(description) => {
                self.add(field, description);
                None
            }
        }
    }

    /// Takes the parts of a nested message, their fields prefixed with its own name; a missing message is a violation.
    pub fn nested<M, T>(
        &mut self,
        field: &str,
        message: Option<M>,
        parse: impl FnOnce(M, &mut Violations) -> Option<T>,
    ) -> Option<T> {
        let Some(message) = message else {
            self.add(field, "is required");
            return None;
        };
        let mut inner = Violations::new();
        let parsed = parse(message, &mut inner);
        self.0.extend(
            inner
                .0
                .into_iter()
                .map(|violation| Violation { field: format!("{field}.{}", violation.field), ..violation }),
        );
        parsed
    }

    /// Takes a value that was parsed apart, or all of its violations.
    pub fn absorb<T>(&mut self, parsed: Result<T, Self>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(others) => {
                self.0.extend(others.0);
                None
            }
        }
    }

    /// The value, if there was one and nothing is wrong; else the violations.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// True while nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The violations in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_kept_with_its_path() {
        let mut violations = Violations::new();
        let quantity: Option<i64> = violations.take("quantity", Err("must be at least 1"));
        let name =
            violations.nested("end_user", Some(""), |name, inner| inner.take("name", crate::text::line(name, 5)));
        let missing: Option<()> = violations.nested("zone", None::<()>, |(), _| Some(()));
        assert!(quantity.is_none() && name.is_none() && missing.is_none());
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["quantity", "end_user.name", "zone"]);
        assert!(violations.finish(Some(())).is_err());
    }
}
