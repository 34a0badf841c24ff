//! The story of the private address that registers itself, told by Samba's domain controllers.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::asking::{ask, status_line};
use crate::place::{Place, output, succeeds};

const PASSWORD: &str = "Passw0rd.lab1";

/// One domain controller of the domain `exch.test`.
struct Controller {
    name: &'static str,
    address: &'static str,
}

const DC1: Controller = Controller {
    name: "dc1",
    address: "10.91.0.11",
};
const DC2: Controller = Controller {
    name: "dc2",
    address: "10.91.0.12",
};

fn place() -> Place {
    let hosts = "10.91.0.11 dc1.exch.test dc1\n10.91.0.12 dc2.exch.test dc2\n";
    let resolvers = "search exch.test\nnameserver 10.91.0.11\n";
    let place = Place::with(&[DC1.address, DC2.address], hosts, resolvers);
    for folder in [
        "/var/lib/samba",
        "/var/cache/samba",
        "/var/log/samba",
        "/run/samba",
    ] {
        place.empty(folder);
    }
    // What is configured on this machine is none of the domain's business.
    place.empty("/etc/samba");
    place.file(
        "krb5.conf",
        "[libdefaults]\n default_realm = EXCH.TEST\n dns_lookup_kdc = true\n \
         dns_lookup_realm = false\n",
    );
    place
}

impl Controller {
    fn tool(&self, place: &Place) -> Command {
        let mut tool = Command::new("samba-tool");
        tool.env("KRB5_CONFIG", place.path("krb5.conf"));
        tool
    }

    fn own_address(&self) -> [String; 2] {
        let interface = format!("--option=interfaces={}/24", self.address);
        [interface, "--option=bind interfaces only=yes".to_owned()]
    }

    fn provision(&self, place: &Place) {
        succeeds(
            self.tool(place)
                .args([
                    "domain",
                    "provision",
                    "--server-role=dc",
                    "--realm=EXCH.TEST",
                ])
                .args(["--domain=EXCH", "--dns-backend=SAMBA_INTERNAL"])
                .args([
                    "--site=Default-First-Site-Name",
                    &format!("--adminpass={PASSWORD}"),
                ])
                .args([
                    &format!("--host-name={}", self.name),
                    &format!("--host-ip={}", self.address),
                ])
                .arg(format!("--targetdir={}", place.path(self.name).display()))
                .args(self.own_address()),
        );
    }

    fn join(&self, place: &Place, other: &Controller) {
        succeeds(
            self.tool(place)
                .args([
                    "domain",
                    "join",
                    "exch.test",
                    "DC",
                    "--dns-backend=SAMBA_INTERNAL",
                ])
                .arg(format!("-UEXCH\\administrator%{PASSWORD}"))
                .arg(format!("--server={}.exch.test", other.name))
                .arg(format!("--targetdir={}", place.path(self.name).display()))
                .arg(format!("--option=netbios name={}", self.name))
                .args(self.own_address()),
        );
    }

    /// Starts it, and waits until it serves the domain.
    fn start(&self, place: &mut Place) {
        let folder = place.path(self.name);
        for inside in ["cache", "run", "log"] {
            std::fs::create_dir_all(folder.join(inside)).unwrap();
        }
        let option = |name: &str, value: &Path| format!("--option={name}={}", value.display());
        place.start(
            self.name,
            Command::new("samba")
                .env("KRB5_CONFIG", place.path("krb5.conf"))
                .arg("-s")
                .arg(folder.join("etc/smb.conf"))
                .args(["-i", "-M", "prefork", "--debuglevel=1"])
                .arg("--option=server services=rpc, ldap, cldap, kdc, drepl, kcc, dns")
                .arg("--option=allow dns updates=nonsecure")
                .arg("--option=dns forwarder=")
                .arg(option("pid directory", &folder.join("run")))
                .arg(option("ncalrpc dir", &folder.join("run/ncalrpc")))
                .arg(option("log file", &folder.join("log/log"))),
        );
        let asked = format!("-H dc1.exch.test -s {} -t 2", self.address);
        place.until("the domain being served", || {
            ask(&asked).fact("dc1.exch.test") == DC1.address
        });
        // LDAP is ready later than DNS, and the tools need it.
        place.until("RPC and LDAP being served", || {
            let open = |port| std::net::TcpStream::connect((self.address, port)).is_ok();
            open(135) && open(389)
        });
    }

    /// A dynamic update, as a Windows server sends it by itself.
    fn update(&self, changes: &str) {
        let mut command = Command::new("nsupdate");
        let started = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started.expect("nsupdate: run tests/end_to_end/install-servers first");
        let text = format!("server {}\nzone exch.test\n{changes}\nsend\n", self.address);
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{changes}: {output:?}");
    }

    /// Records on this controller alone, by its administrator.
    fn administer(&self, place: &Place, command: &str) {
        let run = || {
            let mut tool = self.tool(place);
            tool.args(["dns"])
                .args(command.split_whitespace())
                .arg(format!("-Uadministrator%{PASSWORD}"))
                .arg(format!(
                    "--configfile={}/etc/smb.conf",
                    place.path(self.name).display()
                ));
            output(&mut tool)
        };
        place.until(command, || run().status.success());
    }
}

/// Tells the story past the test harness, which would keep the words of a test that passes.
fn tell(what: &str, options: &str) {
    let line = status_line(options);
    let told = format!("\n{what}\n$ check_ad_dns {options}\n{line}\n");
    let _ = std::io::stdout().lock().write_all(told.as_bytes());
}

const WATCH: &str = "-s dc1 -H ex1.exch.test --allow 192.0.2.0/24 --forbid 10.0.1.0/24 -t 60";
const BOTH: &str = "-s dc1 -s dc2 -H skew.exch.test -t 60";

#[test]
fn the_private_address_that_registers_itself_is_found_each_time_and_so_is_a_controller_left_behind()
{
    let mut place = place();
    DC1.provision(&place);
    DC1.start(&mut place);
    DC1.update(
        "update add ex1.exch.test 1200 A 192.0.2.11\n\
         update add mail.exch.test 3600 A 192.0.2.10\n\
         update add autodiscover.exch.test 3600 CNAME mail.exch.test\n\
         update add exch.test 3600 MX 10 mail.exch.test\n\
         update add exch.test 3600 TXT \"v=spf1 mx -all\"",
    );
    tell("The server's name stands for its public address.", WATCH);
    ask(WATCH).expect_healthy();
    ask("-s dc1 --profile exchange --domain exch.test -t 60").expect_healthy();
    controller_records();

    private_address_comes_and_goes(&place);

    DC2.join(&place, &DC1);
    DC2.start(&mut place);
    DC1.update("update add skew.exch.test 3600 A 192.0.2.77");
    tell("A record that only one controller has.", BOTH);
    let said = ask(BOTH);
    said.expect("failed", "dns_disagree", &["dc1 (10.91.0.11): 192.0.2.77"]);
    said.says(&["dc2 (10.91.0.12): NXDOMAIN"]);
    DC2.update("update add skew.exch.test 3600 A 192.0.2.77");
    tell("The other one has it too.", BOTH);
    ask(BOTH).expect_healthy();
}

fn controller_records() {
    let profile = "-s dc1 --profile dc --domain exch.test --site Default-First-Site-Name -t 60";
    ask(profile).expect_healthy();
    let elsewhere = "-s dc1 --profile dc --domain exch.test --site Berlin -t 60";
    ask(elsewhere).expect("failed", "dns_nxdomain", &["berlin._sites"]);
    // Names that it does not hold: it says NXDOMAIN, and is no authority.
    ask("-s dc1 -H ex1.other.test -t 60").expect("failed", "dns_lame", &["dc1 (10.91.0.11)"]);
    DC1.update(
        &(1..=60)
            .map(|last| format!("update add many.exch.test 60 A 192.0.2.{last}\n"))
            .collect::<String>(),
    );
    let said = ask("-s dc1 -H many.exch.test -t 60");
    said.expect_healthy();
    assert!(
        said.fact("many.exch.test").ends_with("192.0.2.60"),
        "{said:?}"
    );
}

fn private_address_comes_and_goes(place: &Place) {
    for stage in [
        "registers its private address too",
        "starts again, and registers it again",
    ] {
        DC1.update("update add ex1.exch.test 1200 A 10.0.1.1");
        tell(&format!("The server {stage}."), WATCH);
        let words = [
            "dc1 (10.91.0.11) answers ex1.exch.test with 10.0.1.1 from the forbidden network \
             10.0.1.0/24 (beside 192.0.2.11)",
            "Register this connection's addresses in DNS",
            "delete the record",
        ];
        ask(WATCH).expect("failed", "dns_forbidden", &words);
        DC1.administer(place, "delete 10.91.0.11 exch.test ex1 A 10.0.1.1");
        tell("The record is deleted.", WATCH);
        ask(WATCH).expect_healthy();
    }
}
