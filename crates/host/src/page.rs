//! Pages of lists.

use data_encoding::BASE64URL_NOPAD;
use vouch_contract::{convert, pb};
use vouch_core::Violations;

/// Which page of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many rows.
    pub size: i64,
    /// The key of the last row before the page; empty for the first page. Rows are ordered by key.
    pub after: String,
}

impl Page {
    /// Reads a page request. The token is opaque to callers, and good for this list only.
    pub fn read(request: Option<pb::common::v1::PageRequest>, list: &str) -> Result<Self, Violations> {
        let request = request.unwrap_or_default();
        let mut violations = Violations::new();
        let size = violations.take("page.page_size", convert::page_size(request.page_size));
        let after = violations.take("page.page_token", read_token(&request.page_token, list));
        let page = size.zip(after).map(|(size, after)| Self { size, after });
        violations.finish(page)
    }

    /// How many rows to ask the store for: one more than the page has, to know whether another page follows.
    pub fn limit(&self) -> i64 {
        self.size + 1
    }

    /// Cuts the rows to the page, and tells where the next one begins.
    pub fn cut<T>(&self, rows: &mut Vec<T>, list: &str, key: impl Fn(&T) -> String) -> pb::common::v1::PageInfo {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_page_token = match rows.last() {
            Some(last) if more => BASE64URL_NOPAD.encode(format!("1:{list}:{}", key(last)).as_bytes()),
            _ => String::new(),
        };
        pb::common::v1::PageInfo { next_page_token }
    }
}

/// The longest key of a list: a day and a version of 64 characters of up to four bytes each, in base 64.
const LONGEST_KEY: usize = 400;

fn read_token(token: &str, list: &str) -> Result<String, String> {
    if token.is_empty() {
        return Ok(String::new());
    }
    let wrong = || "must be the next_page_token of a page of this list".to_owned();
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let key = text.strip_prefix(&format!("1:{list}:")).ok_or_else(wrong)?;
    // What is no key of ours must not reach the database: PostgreSQL refuses a NUL with an error of its own.
    if key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(key.to_owned())
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(token: &str) -> Result<Page, Violations> {
        Page::read(Some(pb::common::v1::PageRequest { page_size: 2, page_token: token.to_owned() }), "licenses")
    }

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let rows: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = read(&token).unwrap();
            let limit = usize::try_from(page.limit()).unwrap();
            let mut found: Vec<_> = rows.iter().filter(|row| **row > page.after).take(limit).cloned().collect();
            token = page.cut(&mut found, "licenses", Clone::clone).next_page_token;
            assert!(found.len() <= 2);
            seen.extend(found);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, rows);
    }

    #[test]
    fn a_foreign_or_broken_token_is_refused_with_its_field() {
        let mut rows = vec!["a".to_owned(); 3];
        let foreign = Page { size: 2, after: String::new() }.cut(&mut rows, "products", Clone::clone).next_page_token;
        let nul = BASE64URL_NOPAD.encode(b"1:licenses:\0");
        for token in [foreign.as_str(), "x", "!!!", "MTo", &nul] {
            assert_eq!(read(token).unwrap_err().iter().next().unwrap().field, "page.page_token");
        }
    }
}
