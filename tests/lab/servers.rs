//! What the real servers run: xrdp, and echo services on the ports of Exchange.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::process::{Process, checked};
use crate::story::Story;
use crate::topology::PORTS;

/// Serves all ports of the Exchange service for the rest of the scenario: each connection is greeted
/// with the server's name on a line, then everything is sent back.
pub(crate) fn serve_echo(server: &Namespace) -> Outcome {
    serve_echo_on(server, &PORTS)
}

/// The same on some ports alone.
pub(crate) fn serve_echo_on(server: &Namespace, ports: &[u16]) -> Outcome {
    let name = server.name();
    let listeners = server.within(|| {
        // Takes connections over IPv4, too (RFC 3493 section 5.3).
        let bind = |port: &u16| TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port));
        ports.iter().map(bind).collect::<Result<Vec<_>, _>>()
    })??;
    for listener in listeners {
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                thread::spawn(move || echo(connection, name));
            }
        });
    }
    Ok(())
}

/// Serves one UDP port for the rest of the scenario: each datagram is answered with the server's
/// name, a blank, and what it contained.
pub(crate) fn serve_udp(server: &Namespace, port: u16) -> Outcome {
    let name = server.name();
    let socket = server.within(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)))??;
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let asked = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            let _ = socket.send_to(format!("{name} {asked}").as_bytes(), from);
        }
    });
    Ok(())
}

fn echo(mut connection: TcpStream, name: &str) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    connection.write_all(format!("{name}\n").as_bytes())?;
    let mut buffer = [0; 4096];
    loop {
        let count = connection.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        connection.write_all(buffer.get(..count).unwrap_or_default())?;
    }
}

/// The key pair of all RDP servers of a scenario, made by the first that asks.
fn certificate() -> Outcome<(PathBuf, PathBuf)> {
    let (certificate, key) = (PathBuf::from("/tmp/rdp.pem"), PathBuf::from("/tmp/rdp.key"));
    if !certificate.exists() {
        let mut openssl = Command::new("openssl");
        openssl.args("req -x509 -nodes -days 30 -subj /CN=rdp.example.test".split(' '));
        openssl.args("-newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(' '));
        checked(
            openssl
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate),
        )?;
    }
    Ok((certificate, key))
}

/// The RDP service of one real server: xrdp on port 3389, with TLS for clients that ask for it.
pub(crate) struct Rdp {
    server: Namespace,
    config: PathBuf,
    log: PathBuf,
    process: Option<Process>,
}

impl Rdp {
    /// Starts it and waits until its port is open.
    pub(crate) fn begin(story: &Story, server: Namespace) -> Outcome<Self> {
        let name = server.name();
        let file = |ending: &str| PathBuf::from(format!("/tmp/xrdp-{name}.{ending}"));
        let mut rdp = Self {
            server,
            config: file("ini"),
            log: file("log"),
            process: None,
        };
        fs::write(&rdp.config, configuration(&rdp.log)?)?;
        let log = rdp.log.clone();
        story.on_failure(&format!("xrdp on {name}: its log"), move || {
            fs::read_to_string(&log).unwrap_or_default()
        });
        rdp.start(story)?;
        Ok(rdp)
    }

    /// Starts it again after [`kill`](Self::kill).
    pub(crate) fn start(&mut self, story: &Story) -> Outcome {
        let name = self.server.name();
        let mut command = Command::new("xrdp");
        command.arg("--nodaemon").arg("--config").arg(&self.config);
        let said = PathBuf::from(format!("/tmp/xrdp-{name}.said"));
        let mut process = Process::start(&self.server, &mut command, &said)?;
        let port = SocketAddr::from((Ipv4Addr::LOCALHOST, 3389));
        story.until_some(&format!("xrdp on {name} listens"), || {
            if let Err(ended) = process.still_runs() {
                return Ok(Err(ended));
            }
            self.server
                .within(|| TcpStream::connect_timeout(&port, Duration::from_secs(5)))??;
            Ok(Ok(()))
        })??;
        self.process = Some(process);
        Ok(())
    }

    /// From now on it accepts connections, as the kernel does that for it, and says nothing.
    pub(crate) fn hang(&self) -> Outcome {
        self.process()?.signal_all(Signal::SIGSTOP)
    }

    /// Ends [`hang`](Self::hang).
    pub(crate) fn resume(&self) -> Outcome {
        self.process()?.signal_all(Signal::SIGCONT)
    }

    /// From now on its port refuses connections.
    pub(crate) fn kill(&mut self) -> Outcome {
        let mut process = self.process.take().ok_or("xrdp does not run")?;
        process.kill_all()
    }

    fn process(&self) -> Outcome<&Process> {
        Ok(self.process.as_ref().ok_or("xrdp does not run")?)
    }
}

/// The smallest `xrdp.ini` that negotiates: `security_layer` as packaged, and a certificate.
fn configuration(log: &Path) -> Outcome<String> {
    let (certificate, key) = certificate()?;
    Ok(format!(
        "[Globals]\nini_version=1\nfork=true\nport=3389\nsecurity_layer=negotiate\n\
         certificate={}\nkey_file={}\nssl_protocols=TLSv1.2, TLSv1.3\ntcp_nodelay=true\n\
         [Logging]\nLogFile={}\nLogLevel=INFO\nEnableSyslog=false\n[Xorg]\nname=Xorg\nlib=libxup.so\n",
        certificate.display(),
        key.display(),
        log.display()
    ))
}
