//! Canaries: planted secrets of which none survives, and look-alikes that do.
//!
//! Proves V07.

use super::{Limits, seal_archive, tar, texts};

/// Where a secret is planted: a path, a text, and what may not be anywhere in the bundle.
const PLANTED: &[(&str, &str, &[&str])] = &[
    // INI, properties, shell.
    ("ini/a.conf", "[db]\npassword = tweet-01-Amsel\nport = 1\n", &["tweet-01"]),
    ("ini/b.conf", "db_passwd=tweet02 with blanks; and, signs!#x\n", &["tweet02", "blanks", "signs"]),
    ("ini/c.properties", "spring.datasource.password=tweet03\napi.key: tweet04zz\n", &["tweet03", "tweet04"]),
    ("ini/d.conf", "requirepass tweet05\nmasterauth \"tweet06\"\nbindpw tweet07\n", &["tweet05", "tweet06", "tweet07"]),
    (
        "sh/a.sh",
        "export DB_PASSWORD='tweet08 x'\nPGPASSWORD=tweet09 psql -h x\nexport API_TOKEN=tweet10\n",
        &["tweet08", "tweet09", "tweet10"],
    ),
    (
        "sh/b.sh",
        "mysql -uroot -ptweet11 db\nsshpass -p tweet12 ssh x\ncurl -sSu bob:tweet13 https://x/\n",
        &["tweet11", "tweet12", "tweet13"],
    ),
    (
        "sh/c.sh",
        "app --password tweet14 --api-key=tweet15aa --token 'tweet16 y' run\n",
        &["tweet14", "tweet15", "tweet16"],
    ),
    (
        "sh/d.sh",
        "redis-cli -a tweet17 ping; ldapsearch -x -w tweet18 -b dc=x; openssl rsa -passin pass:tweet19\n",
        &["tweet17", "tweet18", "tweet19"],
    ),
    (
        "ps/ps_auxwww",
        "root 1 0.0 /usr/bin/java -Ddb.password=tweet20 -Djavax.net.ssl.keyStorePassword=tweet21 -jar x\n",
        &["tweet20", "tweet21"],
    ),
    (
        "docker/inspect.json",
        r#"{"Cmd":["serve","--password","tweet22","-v"],"Env":["SECRET_KEY=tweet23","X=1"]}"#,
        &["tweet22", "tweet23"],
    ),
    // JSON, also within JSON.
    (
        "json/a.json",
        r#"{"password":"tweet24","a":{"clientSecret": "tweet25\"more"},"n":1}"#,
        &["tweet24", "tweet25", "more"],
    ),
    ("json/b.json", r#"{"log":"{\"access_token\":\"tweet26\",\"x\":1}"}"#, &["tweet26"]),
    ("json/c.json", r#"{"log":"{\"m\":\"{\\\"password\\\":\\\"tweet27\\\"}\"}"}"#, &["tweet27"]),
    (
        "json/d.json",
        r#"{"pin": 90210771, "tokens": ["tweet28a", "tweet29b"], "auth":"dHdlZXQzMDp4eHg="}"#,
        &["90210771", "tweet28", "tweet29", "dHdlZXQzMDp4"],
    ),
    ("json/e.json", r#"{"name":"DB_PASSWORD","value":"tweet31"}"#, &["tweet31"]),
    ("json/f.json", "{\n  \"password\":\n    \"tweet32\",\n  \"x\": 1\n}\n", &["tweet32"]),
    ("json/g.log", r"password=tweet33\nnext line in an escape", &["tweet33"]),
    ("json/h.csv", "id,body\n1,\"{\"\"password\"\":\"\"tweet34\"\"}\"\n", &["tweet34"]),
    // YAML.
    (
        "yaml/a.yaml",
        "password: tweet35\nsecret: \"tweet36 x\"\nnested:\n  - apiKey: 'tweet37'\n",
        &["tweet35", "tweet36", "tweet37"],
    ),
    (
        "yaml/b.yaml",
        "env:\n  - name: DB_PASSWORD\n    value: tweet38\n  - name: OTHER\n    value: fine\n",
        &["tweet38"],
    ),
    ("yaml/c.yaml", "password: |\n  tweet39\n  tweet40\nafter: kept\n", &["tweet39", "tweet40"]),
    ("yaml/d.yaml", "db:\n  password:\n    tweet41\n  host: kept\n", &["tweet41"]),
    // XML.
    (
        "xml/a.xml",
        "<c><password>tweet42</password><db:secret kind=\"x\">tweet43</db:secret></c>",
        &["tweet42", "tweet43"],
    ),
    ("xml/b.xml", "<ds user=\"x\" password=\"tweet44\" url='jdbc:x;password=tweet45'/>", &["tweet44", "tweet45"]),
    (
        "xml/c.xml",
        "<entry key=\"db.password\">tweet46</entry><add key=\"ApiKey\" value=\"tweet47\"/>",
        &["tweet46", "tweet47"],
    ),
    ("xml/d.xml", "<property><name>fs.secret</name>\n<value>tweet48</value></property>", &["tweet48"]),
    ("xml/e.xml", "<password><![CDATA[tweet49]]></password>", &["tweet49"]),
    // Addresses with passwords, connection strings, headers.
    ("url/a.log", "connecting to postgres://app:tweet50@db/x and amqp://u:tweet/51@mq/\n", &["tweet50", "tweet/51"]),
    ("url/b.log", "GET /x?token=tweet52&user=1&sig=tweet53/%2Bab HTTP/1.1\n", &["tweet52"]),
    ("url/c.log", "redirect=https%3A%2F%2Fx%3Fpassword%3Dtweet54%26a%3D1\n", &["tweet54"]),
    ("url/d.conf", "x=Server=db;User Id=sa;Password=tweet55;Timeout=3\n", &["tweet55"]),
    (
        "url/e.conf",
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=tweet56AAAA+bbb/cc==;EndpointSuffix=y\n",
        &["tweet56", "bbb/cc"],
    ),
    ("url/f.conf", "u=jdbc:oracle:thin:scott/tweet57@host:1521:x\n", &["tweet57"]),
    (
        "hdr/a.log",
        "> Authorization: Basic dHdlZXQ1ODp4eA==\n> Cookie: a=tweet58; sid=tweet59\n< Set-Cookie: s=tweet60; Path=/\n",
        &["dHdlZXQ1ODp4eA", "tweet58", "tweet59", "tweet60"],
    ),
    (
        "hdr/b.log",
        "curl -H \"Authorization: Bearer tweet61\" -H 'X-Api-Key: tweet62' https://x/\n",
        &["tweet61", "tweet62"],
    ),
    (
        "hdr/c.json",
        r#"{"headers":{"Authorization":"Bearer tweet63","Proxy-Authorization":["Basic tweet64"]}}"#,
        &["tweet63", "tweet64"],
    ),
    // Log lines, code, SQL.
    ("log/a.log", "2026-06-08T12:00:00Z INFO login user=x password=tweet65 ok=1\n", &["tweet65"]),
    ("log/b.log", "config[\"password\"] = \"tweet66\"; $db['secret'] => 'tweet67';\n", &["tweet66", "tweet67"]),
    (
        "log/c.sql",
        "CREATE USER x IDENTIFIED BY 'tweet68'; ALTER ROLE y WITH PASSWORD 'tweet69';\n",
        &["tweet68", "tweet69"],
    ),
    ("log/d.log", "machine h login x password tweet70\n", &["tweet70"]),
    ("log/e.log", "root:$6$tweet71$abcdefghijklmnop:19000:0\n", &["tweet71", "abcdefghijklmnop"]),
    // Keys and tokens by how they look.
    (
        "key/a.pem",
        "-----BEGIN RSA PRIVATE KEY-----\nMIItweet72\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        &["tweet72", "AAAA"],
    ),
    (
        "key/b.json",
        r#"{"x":"-----BEGIN PRIVATE KEY-----\nMIItweet73\n-----END PRIVATE KEY-----\n","y":1}"#,
        &["tweet73"],
    ),
    ("key/c.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BltweetC74\ncut off here", &["tweetC74"]),
    (
        "key/d.txt",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nlQOYBtweet75\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\n",
        &["tweet75"],
    ),
    ("key/e.txt", "PuTTY-User-Key-File-3: ssh\nPrivate-Lines: 1\nAAAAtweet76\nPrivate-MAC: 12\n", &["tweet76"]),
    ("key/f.json", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"tweet77-aaaaaaaa\",\"x\":\"pub\"}", &["tweet77"]),
    ("key/g.conf", "[Interface]\nPrivateKey = tweet78aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\n", &["tweet78"]),
    (
        "tok/a.log",
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0d2VldDc5In0.c2lnbmF0dXJldHdlZXQ end\n",
        &["eyJzdWIiOiJ0d2VldDc5In0", "c2lnbmF0dXJl"],
    ),
    (
        "tok/b.log",
        "used AKIATWEET80ABCDEFGHI and ghp_tweet81aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        &["AKIATWEET80", "ghp_tweet81"],
    ),
    (
        "tok/c.log",
        "slack xoxb-123456789012-tweet82abcdef at https://hooks.slack.com/services/T00/B00/tweet83aaaaaaaaaaaa\n",
        &["tweet82", "tweet83"],
    ),
    (
        "tok/d.log",
        "sk_live_tweet84aaaaaaaaaaaaaa glpat-tweet85aaaaaaaaaaaa AIzaSytweet86aaaaaaaaaaaaaaaaaaaaaaaaa hvs.tweet87aaaaaaaaaaaaaaaaa\n",
        &["tweet84", "tweet85", "tweet86", "tweet87"],
    ),
    ("tok/e.log", "licence TWE88-AAAAA-BBBBB-CCCCC-DDDDD was entered\n", &["TWE88", "BBBBB"]),
    // Within other codes, by argument, by lines of routers and images.
    (
        "code/a.txt",
        "{&quot;password&quot;:&quot;tweet94&quot;} &lt;password&gt;tweet95&lt;/password&gt;\n",
        &["tweet94", "tweet95"],
    ),
    (
        "code/b.txt",
        "x=password%22%3A%22tweet96%22 {\\u0022secret\\u0022:\\u0022tweet97\\u0022}\n",
        &["tweet96", "tweet97"],
    ),
    (
        "code/c.txt",
        "setPassword(\"tweet98\")\nDB_PASSWORD tweet99\nENV API_SECRET tweet100\npassword 7 tweet101\n",
        &["tweet98", "tweet99", "tweet100", "tweet101"],
    ),
    ("code/d.json", r#"{"credentials": {"a": {"b": "tweet102"}, "c": "tweet103"}, "n": 1}"#, &["tweet102", "tweet103"]),
    ("code/e.xml", "<secret name=\"x\" value=\"tweet104\"/>", &["tweet104"]),
    ("code/f.log", "sent Bearer tweet105ABCDEF to x\n", &["tweet105"]),
    // People, hosts, addresses; learned late, masked early.
    (
        "a-early.log",
        "finch77 asked wren-42 and wren-42.nest.example about Eva Falke; jay.nest.example too; falke in /home/efalke/x\n",
        &["finch77", "wren-42", "nest.example", "Eva Falke", "falke", "jay."],
    ),
    ("mail/a.log", "from=<finch88@birds.example> to=heron%40birds.example\n", &["finch88", "heron", "birds.example"]),
    (
        "net/a.log",
        "peer 10.88.77.66 and 93.184.215.14:443, 2001:db8:77::88, fe80::211:22ff:fe33:4455%eth0, 00:11:22:33:44:55\n",
        &["10.88.77.66", "93.184.215.14", "2001:db8:77::88", "211:22ff", "00:11:22:33:44:55"],
    ),
    (
        "net/b.log",
        "SRC=10.88.77.65 MAC=00:11:22:33:44:66:00:11:22:33:44:77:08:00 via ip-10-88-77-64.ec2.internal 0011.2233.4488\n",
        &["10.88.77.65", "44:66", "44:77", "10-88-77-64", "2233.4488"],
    ),
    (
        "net/c.conf",
        "nameserver 10.88.77.51\nserver 93.184.215.15 iburst\nserver: 10.88.77.52\nSERVER=10.88.77.53\ndns-server \"10.88.77.54\"\n",
        &["10.88.77.51", "93.184.215.15", "10.88.77.52", "10.88.77.53", "10.88.77.54"],
    ),
    (
        "net/d.log",
        "conn-203.0.113.191 pcap_203.0.113.192_443.log DHCP release 203.0.113.193: build 10.88.77.61, rebuild 203.0.113.194\n",
        &["203.0.113.191", "203.0.113.192", "10.88.77.61", "203.0.113.194"],
    ),
    ("home/efalke/notes-wren-42.txt", "x\n", &["efalke", "wren-42"]),
    ("home/finch99/notes.txt", "finch99 is told by the path alone\n", &["finch99"]),
    (
        "sudo/a.log",
        "sudo:  finch55 : TTY=pts/0 ; PWD=/home/finch66 ; USER=root ; COMMAND=/bin/ls\n",
        &["finch55", "finch66"],
    ),
    (
        "saml/a.log",
        "POST SAMLResponse=PHNhbWxwOlJlc3BvbnNl7Tweet103 and SAMLRequest=fZJNT8MwDIb7Tweet104\n",
        &["Tweet103", "Tweet104"],
    ),
    (
        "s3/a.log",
        "GET /x?X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024&a=1\n",
        &["fe5f80f77d5fa3beca"],
    ),
    (
        "cas/a.log",
        "GET /x?ticket=ST-956-Lyg0BdLkgdrBO9W17bXS-cas01 session_id 8f14e45fceea167a5a36dedd4bea2543 sess=a87ff679a2f3e71d9181a67b7542122c\n",
        &["Lyg0BdLkgdrBO9W17bXS", "8f14e45fceea167a", "a87ff679a2f3e71d"],
    ),
    ("etc/hostname", "wren-42\n", &["wren-42"]),
    ("etc/hosts", "127.0.1.1 wren-42.nest.example wren-42\n", &["nest.example"]),
    ("etc/passwd", "falke:x:1000:1000:Eva Falke,,,:/home/efalke:/bin/sh\n", &["falke"]),
    (
        "var/log/auth.log",
        "Jun  8 12:00:00 wren-42 sshd[1]: Accepted publickey for finch77 from 10.88.77.66 port 1\n",
        &["finch77", "wren-42"],
    ),
    // As people write them, and commands with passwords as words.
    (
        "prose/a.log",
        "password is: tweet98a\nbob says his password is \"tweet98b\" today\nlogin Password [tweet98c] used\n",
        &["tweet98"],
    ),
    (
        "prose/b.log",
        "my passphrase = tweet99a\nthe password was Tweet99b! all along\npassphrase is: 'tweet99c d'\n",
        &["tweet99", "Tweet99"],
    ),
    (
        "prose/c.sh",
        "echo tweet100a | sudo -S ls\necho -n 'tweet100b' | sudo -kS -p '' id\necho \"bob:tweet100c\" | sudo chpasswd\n",
        &["tweet100"],
    ),
    (
        "prose/d.sh",
        "htpasswd -b /etc/x bob tweet101a\nhtpasswd -nbB bob 'tweet101b' > x\ncurl -u bob:tweet101c x\nmysql -ptweet101d\n",
        &["tweet101"],
    ),
    ("prose/e.sh", "echo tweet102a | docker login -u x --password-stdin\nsshpass -p tweet102b ssh x\n", &["tweet102"]),
    ("prose/f.log", "PIN: 90210772 posted\nPIN: 90210773\n", &["90210772", "90210773"]),
    // A secret that stood beside its name somewhere, alone elsewhere and earlier.
    ("a-first.log", "what is Tweet-90-Ouzel doing here\n", &["Tweet-90-Ouzel"]),
    ("z-last.conf", "password = Tweet-90-Ouzel\n", &["Tweet-90-Ouzel"]),
    // Left out whole.
    ("etc/shadow", "x:tweet91:1\n", &["tweet91"]),
    ("proc/net/tcp", "  0: 4248580A:0016 00000000:0000 0A\n", &["4248580A"]),
    ("proc/17/net/dev_mcast", "4    eth0            1     0     3333ff334455\n", &["3333ff334455"]),
    ("bin/core", "tweet92\0\x01", &["tweet92"]),
];

#[test]
fn v07_no_planted_secret_survives_in_contents_or_paths() {
    let folder = tempfile::tempdir().unwrap();
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain("password=tweet93\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut files: Vec<(&str, &[u8])> = PLANTED.iter().map(|(path, text, _)| (*path, text.as_bytes())).collect();
    files.push(("wide/a.txt", &wide));
    let bundle = seal_archive(folder.path(), &tar(&files), Limits::default()).unwrap();
    let texts = texts(&bundle);
    assert_eq!(texts.len(), files.len(), "every file has its entry");
    let canaries = PLANTED.iter().flat_map(|(path, _, canaries)| canaries.iter().map(move |canary| (*path, *canary)));
    let canaries: Vec<_> = canaries.chain([("wide/a.txt", "tweet93")]).collect();
    assert!(canaries.len() >= 60);
    let mut survived = Vec::new();
    for (planted, canary) in &canaries {
        for (path, text) in &texts {
            if text.contains(canary) || path.contains(canary) {
                survived.push(format!(
                    "{canary} of {planted} in {path}: {}",
                    text.lines().find(|line| line.contains(canary)).unwrap_or_default()
                ));
            }
        }
    }
    assert!(survived.is_empty(), "{} of {} survived:\n{}", survived.len(), canaries.len(), survived.join("\n"));
    let manifest = String::from_utf8_lossy(bundle.manifest_bytes()).into_owned();
    assert!(canaries.iter().all(|(_, canary)| !manifest.contains(canary)), "the manifest tells nothing either");
}

#[test]
fn v07_json_stays_json_and_names_keep_their_pseudonyms() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<(&str, &[u8])> = PLANTED.iter().map(|(path, text, _)| (*path, text.as_bytes())).collect();
    let bundle = seal_archive(folder.path(), &tar(&files), Limits::default()).unwrap();
    let texts = texts(&bundle);
    for (path, text) in texts.iter().filter(|(path, _)| path.rsplit('.').next() == Some("json")) {
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{path}: {text}");
    }
    let host = texts["etc/hostname"].trim();
    assert!(
        host.starts_with("host-") && texts["a-early.log"].contains(&format!("{host} and {host}.domain-")),
        "{}",
        texts["a-early.log"]
    );
    for (path, text, _) in PLANTED.iter().filter(|(path, ..)| texts.contains_key(*path) && !texts[*path].is_empty()) {
        assert_eq!(text.matches('\n').count(), texts[*path].matches('\n').count(), "{path}: lines stay lines");
    }
}

/// What looks like a secret or an address and is none.
const HARMLESS: &[&str] = &[
    "OpenSSL 3.0.17, version 1.2.3.4, v4.3.2.1, libfoo-1.2.3.4-5.deb, build 6.1.0-12-amd64",
    "id 550e8400-e29b-41d4-a716-446655440000, commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    "at 12:34:56 and 2026-06-08T12:34:56.789+02:00, took 00:00:01.5, range 10:20:30",
    "password authentication is disabled",
    "PasswordAuthentication no",
    "token_count: 5, max_tokens=4096, tokens: 17",
    "password_file=/etc/app/secret.txt",
    "unexpected token } in line 3",
    "passwordless login enabled",
    "The password was changed yesterday; ask the secretary.",
    "password: ${DB_PASSWORD}",
    "password=********",
    "\"password\": null, \"token\": \"\"",
    "use --password PASSWORD or --token <token>",
    "listening on 0.0.0.0:80, 127.0.0.1:8080, [::]:443, [::1]:25, netmask 255.255.255.0",
    "std::vec::Vec<u8>, core::fmt::Display, a::b::c, dead::beef",
    "getty@tty1.service, user@1000.service, chacha20-poly1305@openssh.com, git@github.com",
    "SHA256:aa:bb fingerprint AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD",
    "bypass=1 compass=north author=someone keyboard=us pinned=yes spin=3",
    "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff",
    "https://docs.example.org/a/b?page=2#top",
    "localhost root daemon www-data systemd-network",
    "secret_rotation_days = 30",
    "password is required",
    "password is wrong for user, password is empty",
    "the token is valid for 5 minutes",
    "secret is null",
    "the password was changed, the token is expired",
    "Your password is about to expire in 7 days",
    "a password is \"required\" here",
    "usage: passwd [options] [LOGIN]",
    "Use existing password [y/n]?",
    "Password [optional], token [required], secret [none]",
    "passwd[1234]: done; systemd-ask-password[77]: started",
    "Enter passphrase for key",
    "password must have 8 characters, password too short",
    "echo hello | sudo tee /etc/motd",
    "echo password | wc -c",
    "htpasswd -c /etc/nginx/users bob",
    "password is one of two factors, password is sha256 hashed",
    "sudo -S reads the password from standard input",
    "The secret is stored in the vault; the token was revoked",
    "the passphrase is never written to the log",
    " PIN:          0          0   Posted-interrupt notification event",
    " PIN:        712   Posted-interrupt notification event",
    " NPI:          0          0   Nested posted-interrupt event",
    "kernel: x86/fpu: xstate_offset[2]: 576, xstate_sizes[2]: 256",
    "PWD=/usr/src/app OLDPWD=/ sess=17 session 42, session_id abc, session deadbeef ticket=INC-2026-000123 test-1 ST-1 PT-1000",
    "user=root user: the username: please sign in, uid=1001 gid=1001",
];

#[test]
fn v07_what_only_looks_like_a_secret_stays() {
    let folder = tempfile::tempdir().unwrap();
    let text = HARMLESS.join("\n");
    let bundle = seal_archive(folder.path(), &tar(&[("x.log", text.as_bytes())]), Limits::default()).unwrap();
    let masked = &texts(&bundle)["x.log"];
    let changed: Vec<_> = text.lines().zip(masked.lines()).filter(|(before, after)| before != after).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}
