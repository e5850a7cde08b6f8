//! Sizes and times as people write them.

use std::time::Duration;

/// Reads a size: "20 MB", "4 GiB", "512". A kilobyte has 1000 bytes, a kibibyte 1024.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Reads a span of time: "30 s", "5 min", "24 h", "7 days". A number needs its unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "s" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// Writes a span of time with the largest unit that it is a multiple of.
pub(super) fn tell(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "days"), (3600, "h"), (60, "min"), (1, "s")];
    let unit = units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, "s"));
    format!("{} {}", seconds / unit.0, unit.1)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("20 MB", Some(20_000_000)),
            ("4GiB", Some(4 << 30)),
            ("512", Some(512)),
            ("1.5 MB", None),
            ("99999999999999999999 B", None),
            ("18446744073709551615 kB", None),
            ("MB", None),
            ("", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
        for (text, seconds) in
            [("30 s", Some(30)), ("5 min", Some(300)), ("24h", Some(86_400)), ("7 days", Some(604_800)), ("30", None)]
        {
            assert_eq!(duration(text).map(|span| span.as_secs()), seconds, "{text}");
        }
        assert_eq!([90, 600, 7200, 172_800].map(|s| tell(Duration::from_secs(s))), ["90 s", "10 min", "2 h", "2 days"]);
    }
}
