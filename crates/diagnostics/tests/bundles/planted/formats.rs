//! Formats: how a name and its value are written.

use serde_json::json;

/// How a name and its value are written; none, if such a value cannot stand there as it is.
pub(super) struct Format {
    pub(super) label: &'static str,
    pub(super) write: fn(&str, &str) -> Option<String>,
}

/// Every format.
pub(super) const FORMATS: &[Format] = &[
    Format { label: "json", write: |name, value| Some(json(name, value)) },
    Format { label: "json in json", write: |name, value| Some(json("log", &json(name, value))) },
    Format { label: "json in json in json", write: |name, value| Some(json("m", &json("log", &json(name, value)))) },
    Format {
        label: "json, spread",
        write: |name, value| Some(format!("{:#}\n", json!({ "a": { name: value }, "n": [1, 2] }))),
    },
    Format { label: "yaml", write: |name, value| Some(yaml(name, value)) },
    Format {
        label: "yaml, in marks",
        write: |name, value| one_line(value).then(|| format!("x:\n  - {name}: \"{value}\"\n    n: 1\n")),
    },
    Format { label: "toml", write: |name, value| one_line(value).then(|| format!("[x]\n{name} = '{value}'\n")) },
    Format { label: "ini", write: |name, value| one_line(value).then(|| format!("[x]\n{name} = {value}\nport = 1\n")) },
    Format { label: "properties", write: |name, value| one_line(value).then(|| format!("a.b.{name}={value}\n")) },
    Format { label: "xml", write: |name, value| Some(format!("<c><{name}>{value}</{name}><n>1</n></c>\n")) },
    Format {
        label: "xml attribute",
        write: |name, value| one_line(value).then(|| format!("<c n=\"1\" {name}=\"{value}\"/>\n")),
    },
    Format { label: "shell", write: |name, value| Some(format!("export {}='{value}'\n", capitals(name))) },
    Format {
        label: "environment",
        write: |name, value| one_line(value).then(|| format!("N=1\n{}={value}\nX=2\n", capitals(name))),
    },
    Format {
        label: "command line",
        write: |name, value| no_blank(value).then(|| format!("root 17 0.0 /usr/bin/app --n 1 --{name} {value} run\n")),
    },
    Format {
        label: "flag with a sign",
        write: |name, value| no_blank(value).then(|| format!("app -v --{name}={value} run\n")),
    },
    Format {
        label: "query",
        write: |name, value| plain(value).then(|| format!("GET /x?n=1&{name}={value}&y=2 HTTP/1.1\" 200\n")),
    },
    Format {
        label: "percent",
        write: |name, value| {
            percent(value).map(|value| format!("to=https%3A%2F%2Fx%3Fn%3D1%26{name}%3D{value}%26y%3D2\n"))
        },
    },
    Format {
        label: "header",
        write: |name, value| one_line(value).then(|| format!("> GET / HTTP/1.1\n> X-{name}: {value}\n> Accept: */*\n")),
    },
    Format {
        label: "connection string",
        write: |name, value| plain(value).then(|| format!("x=Server=db;{name}={value};Timeout=3\n")),
    },
    Format {
        label: "log",
        write: |name, value| no_blank(value).then(|| format!("2026-06-08T12:00:00Z INFO n=1 {name}={value} ok=1\n")),
    },
    Format {
        label: "json log",
        write: |name, value| {
            one_line(value).then(|| format!("{{\"ts\":\"12:00:00\",\"msg\":\"saw {name}={value}\",\"n\":1}}\n"))
        },
    },
    Format {
        label: "csv",
        write: |name, value| one_line(value).then(|| format!("1,\"{{\"\"{name}\"\":\"\"{value}\"\"}}\",2\n")),
    },
    Format {
        label: "html",
        write: |name, value| one_line(value).then(|| format!("<td>{{&quot;{name}&quot;:&quot;{value}&quot;}}</td>\n")),
    },
    Format { label: "python", write: |name, value| one_line(value).then(|| format!("config['{name}'] = '{value}'\n")) },
    Format {
        label: "prose",
        write: |name, value| no_blank(value).then(|| format!("He says the {name} is: {value}\nand left.\n")),
    },
];

fn json(name: &str, value: &str) -> String {
    json!({ "n": 1, name: value, "x": [2, "y"] }).to_string()
}

fn yaml(name: &str, value: &str) -> String {
    if one_line(value) {
        return format!("n: 1\n{name}: {value}\nx: 2\n");
    }
    let lines: Vec<String> = value.lines().map(|line| format!("  {line}\n")).collect();
    format!("n: 1\n{name}: |\n{}x: 2\n", lines.concat())
}

fn capitals(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

fn one_line(value: &str) -> bool {
    !value.contains(['\n', '"', '\''])
}

fn no_blank(value: &str) -> bool {
    one_line(value) && !value.contains([' ', '\u{a0}'])
}

fn plain(value: &str) -> bool {
    no_blank(value) && !value.contains([';', '&', '=', '#', '?', '%', '+', ','])
}

/// Letters, digits and few signs are themselves; what a redactor is to read of the others is `@`, `:`, and a blank between digits.
pub(super) fn percent(value: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_alphanumeric() || "-._~@:".contains(c);
    let digits = |c: char| c.is_ascii_digit() || c == ' ';
    let codes = [('@', "%40"), (':', "%3A"), (' ', "%20")];
    let coded = |value: &str| codes.iter().fold(value.to_owned(), |value, (sign, code)| value.replace(*sign, code));
    (value.chars().all(known) || value.chars().all(digits)).then(|| coded(value))
}
