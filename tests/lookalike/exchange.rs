//! One Exchange server: all its services on one address, under one name.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::certificate::Wish;
use crate::iis::Iis;
use crate::rdp::Rdp;
use crate::smtp::{Connector, Smtp};
use crate::switch::Switchable;

/// Where its services listen.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Ports {
    /// The port of RDP
    #[arg(long = "rdp-port", value_name = "PORT", default_value_t = 3389)]
    pub rdp: u16,
    /// The port of IIS
    #[arg(long = "https-port", value_name = "PORT", default_value_t = 443)]
    pub https: u16,
    /// What is added to the ports of mail (25, 465, 587, 717, 2525), for users who may not listen
    /// below 1024
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub mail_offset: u16,
}

/// What it is called.
#[derive(Clone, Debug, clap::Args)]
pub struct Names {
    /// Its NetBIOS name; its domain is exch.test
    #[arg(long, value_name = "NAME", default_value = "EX1")]
    pub name: String,
    /// The name that clients have for all servers together: the certificate of IIS is for it, too
    #[arg(long, value_name = "NAME", default_value = "mail.exch.test")]
    pub host: String,
}

/// A running server; it serves until the process ends.
pub struct Exchange {
    services: Vec<Box<dyn Switchable>>,
}

impl Exchange {
    /// Listens on all ports of that address, under these names, in health.
    ///
    /// # Errors
    /// A port cannot be bound; the message names it.
    pub fn listen(address: IpAddr, names: &Names, ports: Ports) -> io::Result<Self> {
        let mut services: Vec<Box<dyn Switchable>> = Vec::new();
        services.push(Box::new(at(address, ports.rdp, |address| {
            Rdp::listen_as(address, &names.name)
        })?));
        let dns_name = format!("{}.exch.test", names.name);
        for connector in Connector::ALL {
            let port = connector.port().saturating_add(ports.mail_offset);
            services.push(Box::new(at(address, port, |address| {
                Smtp::listen(address, &dns_name, connector)
            })?));
        }
        let web = Wish {
            alternative_names: Some(&[&names.host, &dns_name]),
            ..Wish::of(&names.host)
        };
        let iis = at(address, ports.https, |address| {
            Iis::listen(address, &dns_name, web.issue()?)
        })?;
        services.extend(iis.services());
        Ok(Self { services })
    }

    /// All services, each with a name of its own.
    pub fn services(&self) -> &[Box<dyn Switchable>] {
        &self.services
    }

    /// Has a service take on a behaviour.
    ///
    /// # Errors
    /// There is no such service, or it knows no such behaviour; the message lists them.
    pub fn switch(&self, service: &str, behaviour: &str) -> Result<(), String> {
        let found = self.services.iter().find(|known| known.name() == service);
        match found {
            Some(service) => service.switch(behaviour),
            None => {
                let names: Vec<String> = self.services.iter().map(|known| known.name()).collect();
                Err(format!(
                    "there is no service {service}; there is {}",
                    names.join(" ")
                ))
            }
        }
    }
}

fn at<T>(
    address: IpAddr,
    port: u16,
    listen: impl FnOnce(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let address = SocketAddr::new(address, port);
    listen(address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot serve {address}: {error}")))
}
