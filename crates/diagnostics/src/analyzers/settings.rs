//! Settings: `key = value`, `key: value` or `key value`, perhaps under `[section]`.

/// A setting, by its name: `max_connections`, `[mysqld] max_connections`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    section: Option<String>,
    key: String,
}

impl Setting {
    /// Reads the name of a setting; why it is none, otherwise. Without a section, it is meant in every one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (section, key) = match text.strip_prefix('[') {
            Some(rest) => {
                let (section, key) = rest.split_once(']').ok_or("a [ is not closed")?;
                (Some(section.trim().to_owned()), key.trim())
            }
            None => (None, text),
        };
        if key.is_empty() || key.contains(['=', ':', '[', ']']) {
            return Err("a setting is named by its key, and perhaps its section: `[mysqld] max_connections`".to_owned());
        }
        Ok(Self { section, key: key.to_owned() })
    }

    /// Its name.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Its values, each with its line, from 1.
    pub(super) fn values<'t>(&self, text: &'t str) -> Vec<(u64, &'t str)> {
        let mut section = "";
        let mut values = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.trim();
                continue;
            }
            if self.section.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(section))
                && let Some(value) = self.value(line)
            {
                values.push((number, value));
            }
        }
        values
    }

    fn value<'t>(&self, line: &'t str) -> Option<&'t str> {
        let behind = line.get(self.key.len()..)?;
        if !line.get(..self.key.len())?.eq_ignore_ascii_case(&self.key) {
            return None;
        }
        let value = behind.trim_start();
        let is_whole = value.len() < behind.len() || value.starts_with(['=', ':']);
        if !is_whole {
            // A key alone is a setting without a value.
            return behind.is_empty().then_some("");
        }
        Some(plain(value.strip_prefix(['=', ':']).unwrap_or(value).trim()))
    }
}

/// A value without its quotes, or without the comment behind it.
fn plain(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((quoted, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return quoted;
        }
    }
    let comment = value.find(" #").or_else(|| value.find("\t#")).or_else(|| value.find(" ;"));
    value[..comment.unwrap_or(value.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_setting_is_found_as_people_and_kernels_write_it() {
        let text = "# max_connections = 1\nNAME=\"Debian GNU/Linux\"\nshared_buffers = 128MB\t# min 128kB\nMemTotal:       16318480 kB\n\
                    [mysqld]\nmax_connections=151 ; usual\nport 3306\nskip-networking\n[client]\nport = '3307' # x\nported = 1\nmodel name\t: Xeon\n";
        let values = |name: &str| Setting::parse(name).unwrap().values(text);
        assert_eq!(values("NAME"), [(2, "Debian GNU/Linux")]);
        assert_eq!(values("shared_buffers"), [(3, "128MB")]);
        assert_eq!(values("memtotal"), [(4, "16318480 kB")]);
        assert_eq!(values("max_connections"), [(6, "151")]);
        assert_eq!(values("port"), [(7, "3306"), (10, "3307")]);
        assert_eq!(values("[client] port"), [(10, "3307")]);
        assert_eq!(values("skip-networking"), [(8, "")]);
        assert_eq!(values("model name"), [(12, "Xeon")]);
        assert!(values("[mysqld] ported").is_empty() && values("none").is_empty());
    }

    #[test]
    fn what_names_no_setting_is_refused() {
        for text in ["", "[mysqld]", "[mysqld", "a=b", "a: b"] {
            assert!(Setting::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "([a-c=:#;\"'ü \n]|\\[|\\]){0,60}") {
            Setting::parse("a").unwrap().values(&text);
        }
    }
}
