//! A real nginx, with what of the catalogue a real server can be made to do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lookalike::certificate::Wish;
use tempfile::TempDir;

use crate::ask::{HOST, PATIENT, SHORT, assert_found, verdict};

/// How long nginx may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running nginx; it ends with this value.
struct Nginx {
    tls: SocketAddr,
    plain: SocketAddr,
    old: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is served in each virtual directory; `{short}` and `{silent}` are servers behind nginx.
const LOCATIONS: &str = "
location /owa/ { add_header X-FEServer EX1 always; return 200 '200 OK<br/>ex1.exch.test'; }
location /ews/ { return 200 '200 OK<br />EX1.exch.test\\n'; }
location /closed/ { return 444; }
location /down/ { return 503; }
location /logon/ { return 302 https://$host/owa/auth/logon.aspx?url=x&reason=0; }
location /plain/ { return 301 http://$host/; }
location /closing/ { keepalive_timeout 0; return 200 '200 OK<br/>ex1.exch.test'; }
location /private/ { auth_basic portal; auth_basic_user_file /dev/null; }
location /welcome/ { default_type text/html; return 200 '<title>Welcome to nginx!</title>'; }
location /short/ { proxy_pass http://{short}; }
location /silent/ { proxy_pass http://{silent}; }
location /slow/ { alias {folder}/; limit_rate 1; }
location /huge/ { alias {folder}/huge/; }
";

fn nginx() -> Nginx {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let certificate = Wish::of(HOST).issue().unwrap();
    let pem = certificate.certificate.to_pem().unwrap();
    std::fs::write(path.join("cert.pem"), pem).unwrap();
    let key = certificate.key.private_key_to_pem_pkcs8().unwrap();
    std::fs::write(path.join("key.pem"), key).unwrap();
    std::fs::write(path.join("healthcheck.htm"), "200 OK<br/>ex1.exch.test").unwrap();
    std::fs::create_dir(path.join("huge")).unwrap();
    let huge = std::fs::File::create(path.join("huge/healthcheck.htm")).unwrap();
    huge.set_len(100 << 20).unwrap();
    let (short, silent) = (behind(true), behind(false));
    let locations = LOCATIONS
        .replace("{short}", &short.to_string())
        .replace("{silent}", &silent.to_string())
        .replace("{folder}", &path.display().to_string());
    let [tls, plain, old] = free_ports();
    let folder_name = path.display();
    let server = |listen: String, versions: &str| {
        format!(
            "server {{ listen {listen}; ssl_certificate {folder_name}/cert.pem; \
             ssl_certificate_key {folder_name}/key.pem; ssl_protocols {versions}; \
             ssl_ciphers ALL:@SECLEVEL=0; {locations} }}\n"
        )
    };
    let servers = [
        server(format!("{tls} ssl"), "TLSv1.2 TLSv1.3"),
        server(plain.to_string(), "TLSv1.2"),
        server(format!("{old} ssl"), "TLSv1"),
    ];
    let config = format!(
        "daemon off; master_process off; user root; pid {folder_name}/pid; error_log {folder_name}/error.log;\n\
         events {{ }}\n\
         http {{ access_log off; client_body_temp_path {folder_name}/a; proxy_temp_path {folder_name}/b; \
         fastcgi_temp_path {folder_name}/c; uwsgi_temp_path {folder_name}/d; scgi_temp_path {folder_name}/e; \
         proxy_buffering off;\n{} }}\n",
        servers.concat()
    );
    let file = path.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let mut child = start(&file);
    let started = Instant::now();
    while [tls, plain, old]
        .iter()
        .any(|at| TcpStream::connect(at).is_err())
    {
        let ended = child.try_wait().unwrap();
        let log = std::fs::read_to_string(path.join("error.log")).unwrap_or_default();
        assert!(ended.is_none(), "nginx ended: {ended:?} {log}");
        assert!(started.elapsed() < PATIENCE, "nginx does not listen: {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Nginx {
        tls,
        plain,
        old,
        child,
        _folder: folder,
    }
}

fn start(file: &Path) -> Child {
    Command::new("/usr/sbin/nginx")
        .arg("-c")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx is installed: tests/end_to_end/install-servers")
}

/// Three ports of an address that only this test uses, all of them free a moment ago.
fn free_ports() -> [SocketAddr; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.44.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// A server behind nginx that answers with less than it announces, or not at all.
fn behind(answers: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                if answers {
                    let head = "HTTP/1.0 200 OK\r\nContent-Length: 200\r\n\r\n200 OK<br/>";
                    let _ = stream.write_all(head.as_bytes());
                } else {
                    let _ = stream.read(&mut request);
                }
            });
        }
    });
    address
}

#[test]
fn a_real_nginx_gets_its_verdicts() {
    let nginx = nginx();
    for (words, expected, text) in [
        (
            "--vdir owa --vdir ews",
            "healthy ok",
            "answered by ex1.exch.test",
        ),
        ("--vdir closing --vdir owa", "healthy ok", "/closing, /owa"),
        (
            "--vdir owa --expect-server ex2",
            "failed wrong_server",
            "expected ex2",
        ),
        ("--vdir closed", "maintenance offline", "component offline"),
        ("--vdir owa --vdir closed", "maintenance offline", "1 of 2"),
        (
            "--vdir down",
            "failed http_status",
            "answers 503, from nginx",
        ),
        ("--vdir logon", "failed http_status", "the logon page"),
        ("--vdir plain", "failed http_status", "plain HTTP"),
        ("--vdir private", "failed http_status", "pre-authentication"),
        ("--vdir absent", "failed http_status", "there is no /absent"),
        ("--vdir welcome", "failed content", "'Welcome to nginx!'"),
        ("--vdir short", "failed closed_early", "truncated"),
        ("--vdir huge", "failed content", "more than 16 KiB"),
    ] {
        let verdict = verdict(nginx.tls, &format!("{words} -t {PATIENT}"));
        assert_found(&verdict, expected, text);
    }
    for (vdir, expected) in [("silent", "failed silent"), ("slow", "failed timeout")] {
        let verdict = verdict(nginx.tls, &format!("--vdir {vdir} -t {SHORT}"));
        assert_found(&verdict, expected, &format!("/{vdir}"));
    }
    let plain = verdict(nginx.plain, &format!("-t {PATIENT}"));
    assert_found(&plain, "failed tls_failed", "got 'HTTP/1.1 400 Bad Request");
    let old = verdict(nginx.old, &format!("-t {PATIENT}"));
    assert_found(&old, "degraded insecure", "TLS 1.0");
}
