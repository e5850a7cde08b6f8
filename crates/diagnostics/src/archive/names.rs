//! Names of entries as paths within a bundle.

/// An entry's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// It as a relative path without `.` and `..`; empty where nothing is left of it.
    pub(super) path: String,
    /// Whether it leads out of the archive.
    pub(super) leads_out: bool,
}

impl Name {
    /// Reads a name. One from the root on, as `tar -P` keeps it, is one from the root of the archive on.
    pub(super) fn of(name: &str, separators: &[char]) -> Self {
        let parts: Vec<&str> = name.split(separators).filter(|part| !matches!(*part, "" | ".")).collect();
        let leads_out = parts.contains(&"..");
        let plain: Vec<&str> = parts.into_iter().filter(|part| *part != "..").collect();
        Self { path: plain.join("/"), leads_out }
    }

    /// Why what has this name is left out.
    pub(super) fn why_not(&self) -> Option<&'static str> {
        if self.leads_out {
            Some("its path leads out of the archive: left out")
        } else if self.path.is_empty() {
            Some("it has no name: left out")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_relative_path_whatever_it_says() {
        for (name, path, leads_out) in [
            ("a/b", "a/b", false),
            ("./a//b/", "a/b", false),
            ("/etc/passwd", "etc/passwd", false),
            ("../../etc/passwd", "etc/passwd", true),
            ("a/../../b", "a/b", true),
            ("..", "", true),
            ("", "", false),
        ] {
            assert_eq!(Name::of(name, &['/']), Name { path: path.into(), leads_out }, "{name}");
        }
        assert_eq!(Name::of(r"logs\a.log", &['/', '\\']).path, "logs/a.log");
        assert!(Name::of(r"..\a.log", &['/', '\\']).leads_out);
    }
}
