//! What is asked of the kernel: the commands of the generic netlink family `IPVS`
//! (`IPVS_CMD_*`, `linux/ip_vs.h`, version 1), put into bytes.

use std::net::SocketAddr;

use netlink_packet_core::{
    DefaultNla, Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage,
};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlMessage};

use super::attribute::{self, EncodeError};
use super::{destination, service};
use crate::table::{DestinationSettings, ServiceKey, ServiceSettings};

const NEW_SERVICE: u8 = 1;
const SET_SERVICE: u8 = 2;
const DEL_SERVICE: u8 = 3;
const GET_SERVICE: u8 = 4;
const NEW_DEST: u8 = 5;
const SET_DEST: u8 = 6;
const DEL_DEST: u8 = 7;
const GET_DEST: u8 = 8;

/// `IPVS_CMD_ATTR_SERVICE`.
pub(super) const SERVICE: u16 = 1;
/// `IPVS_CMD_ATTR_DEST`.
pub(super) const DESTINATION: u16 = 2;

/// `IPVS_GENL_VERSION`.
const VERSION: u8 = 1;
/// `IPVS_GENL_NAME`.
const FAMILY: &str = "IPVS";

/// One request, ready to be framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    command: u8,
    flags: u16,
    attributes: Vec<DefaultNla>,
}

impl Request {
    /// All virtual services.
    pub(super) fn dump_services() -> Self {
        Self::dump(GET_SERVICE, Vec::new())
    }

    /// All destinations of one service. A service that does not exist has none, and no error.
    pub(super) fn dump_destinations(service: &ServiceKey) -> Result<Self, EncodeError> {
        let nest = attribute::nest(SERVICE, &service::key(service))?;
        Ok(Self::dump(GET_DEST, vec![nest]))
    }

    /// One virtual service; ESRCH if there is none.
    pub(super) fn get_service(service: &ServiceKey) -> Result<Self, EncodeError> {
        Self::about_service(GET_SERVICE, &service::key(service))
    }

    /// Creates a service; EEXIST if it is there.
    pub(super) fn new_service(
        service: &ServiceKey,
        settings: &ServiceSettings,
    ) -> Result<Self, EncodeError> {
        Self::about_service(NEW_SERVICE, &service::whole(service, settings, &[])?)
    }

    /// Replaces what a service is set to; ESRCH if there is none.
    pub(super) fn set_service(
        service: &ServiceKey,
        settings: &ServiceSettings,
        unknown: &[DefaultNla],
    ) -> Result<Self, EncodeError> {
        Self::about_service(SET_SERVICE, &service::whole(service, settings, unknown)?)
    }

    /// Deletes a service and its destinations; ESRCH if there is none.
    pub(super) fn delete_service(service: &ServiceKey) -> Result<Self, EncodeError> {
        Self::about_service(DEL_SERVICE, &service::key(service))
    }

    /// Creates a destination; EEXIST if it is there, ESRCH without the service.
    pub(super) fn new_destination(
        service: &ServiceKey,
        destination: SocketAddr,
        settings: &DestinationSettings,
    ) -> Result<Self, EncodeError> {
        let attributes = destination::whole(destination, settings, &[]);
        Self::about_destination(NEW_DEST, service, &attributes)
    }

    /// Replaces what a destination is set to; ENOENT if there is none, ESRCH without the service.
    pub(super) fn set_destination(
        service: &ServiceKey,
        destination: SocketAddr,
        settings: &DestinationSettings,
        unknown: &[DefaultNla],
    ) -> Result<Self, EncodeError> {
        let attributes = destination::whole(destination, settings, unknown);
        Self::about_destination(SET_DEST, service, &attributes)
    }

    /// Deletes a destination; ENOENT if there is none, ESRCH without the service.
    pub(super) fn delete_destination(
        service: &ServiceKey,
        destination: SocketAddr,
    ) -> Result<Self, EncodeError> {
        Self::about_destination(DEL_DEST, service, &destination::key(destination))
    }

    fn dump(command: u8, attributes: Vec<DefaultNla>) -> Self {
        Self {
            command,
            flags: NLM_F_REQUEST | NLM_F_DUMP,
            attributes,
        }
    }

    fn about_service(command: u8, attributes: &[DefaultNla]) -> Result<Self, EncodeError> {
        Ok(Self {
            command,
            flags: NLM_F_REQUEST | NLM_F_ACK,
            attributes: vec![attribute::nest(SERVICE, attributes)?],
        })
    }

    fn about_destination(
        command: u8,
        service: &ServiceKey,
        attributes: &[DefaultNla],
    ) -> Result<Self, EncodeError> {
        let mut request = Self::about_service(command, &service::key(service))?;
        let nest = attribute::nest(DESTINATION, attributes)?;
        request.attributes.push(nest);
        Ok(request)
    }

    /// The whole message for the kernel. `family` is the number it gave to `IPVS`.
    pub(super) fn encode(self, family: u16, sequence: u32) -> Vec<u8> {
        let flags = self.flags;
        let mut message = GenlMessage::from_payload(self);
        message.set_resolved_family_id(family);
        frame(message, flags, sequence)
    }
}

/// Asks the controller (`nlctrl`) which number the family `IPVS` has. The kernel loads the module
/// `ip_vs` for it where it may.
pub(super) fn resolve_family(sequence: u32) -> Vec<u8> {
    let payload = GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(FAMILY.to_owned())],
    };
    let message = GenlMessage::from_payload(payload);
    frame(message, NLM_F_REQUEST | NLM_F_ACK, sequence)
}

fn frame<F>(message: GenlMessage<F>, flags: u16, sequence: u32) -> Vec<u8>
where
    F: GenlFamily + Emitable + std::fmt::Debug,
{
    let mut message = NetlinkMessage::from(message);
    message.header.flags = flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

impl GenlFamily for Request {
    fn family_name() -> &'static str {
        FAMILY
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        VERSION
    }
}

impl Emitable for Request {
    fn buffer_len(&self) -> usize {
        self.attributes.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.as_slice().emit(buffer);
    }
}
