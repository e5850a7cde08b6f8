//! Endpoints, by their addresses.

use std::fmt;

/// An endpoint: `https://api.example/health`, `http://localhost:8080`, `tls://ldap.example:636`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its host: a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path that is asked for, with its query.
    pub path: String,
}

/// How an endpoint is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
    /// TLS, and nothing is asked.
    Tls,
}

impl Scheme {
    const ALL: [(&str, Self); 3] = [("http", Self::Http), ("https", Self::Https), ("tls", Self::Tls)];
}

impl Endpoint {
    /// Reads an address; why it is none, otherwise. It may carry no user and no password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("an endpoint begins with http://, https:// or tls://")?;
        let known = Scheme::ALL.into_iter().find(|(name, _)| *name == scheme);
        let (_, scheme) = known.ok_or("an endpoint begins with http://, https:// or tls://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("an endpoint may carry no user and no password: a profile is read by many".to_owned());
        }
        let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = authority.split_at(port_at.unwrap_or(authority.len()));
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(format!("{port} is no port"))?,
            None => match scheme {
                Scheme::Http => 80,
                Scheme::Https => 443,
                Scheme::Tls => return Err("an endpoint of tls:// names its port".to_owned()),
            },
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "[]\\#".contains(c);
        if host.is_empty() || host.contains(is_odd) || path.contains(is_odd) {
            return Err("an endpoint has a host, and neither blanks nor #".to_owned());
        }
        if scheme == Scheme::Tls && !path.is_empty() {
            return Err("an endpoint of tls:// has no path".to_owned());
        }
        let path = match path {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        };
        Ok(Self { scheme, host: host.to_owned(), port, path })
    }

    /// Its host and port, as they stand in an address.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, path, .. } = self;
        let name = Scheme::ALL.into_iter().find(|(_, known)| known == scheme).map_or("", |(name, _)| name);
        let path = if *scheme == Scheme::Tls { "" } else { path };
        write!(f, "{name}://{}{path}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_endpoint_is_read_as_people_write_it() {
        for (text, whole) in [
            ("https://api.example", "https://api.example:443/"),
            ("https://api.example?x=1", "https://api.example:443/?x=1"),
            ("http://localhost:8080/health", "http://localhost:8080/health"),
            ("tls://ldap.example:636", "tls://ldap.example:636"),
            ("https://[::1]:8443/x", "https://[::1]:8443/x"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), whole, "{text}");
        }
        for text in [
            "api.example",
            "ftp://x",
            "https://",
            "https://u:p@x/",
            "https://x:0",
            "https://x:99999",
            "tls://x",
            "tls://x:1/y",
            "http://a b/",
            "http://a/b c",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_endpoint_that_is_read_is_written_so_that_it_is_read_again(text in "(http|https|tls)://(a|b|\\.|:|1|/|\\?|@|\\[|\\]){0,10}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
            }
        }
    }
}
