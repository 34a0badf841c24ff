//! The kernel's count of changes of its nftables rules: as long as it stays, so do the rules.
//!
//! Wire format: `NFT_MSG_GETGEN` of `linux/netfilter/nf_tables.h`, framed as in
//! `linux/netfilter/nfnetlink.h`.

use netlink_packet_core::{DecodeError, NLM_F_ACK, NLM_F_REQUEST, NlasIterator, parse_u32_be};
use netlink_sys::protocols::NETLINK_NETFILTER;

use crate::kernel::netlink::{Channel, Kept, Reply};

/// `NFNL_SUBSYS_NFTABLES`, the upper half of a message's type.
const SUBSYSTEM: u16 = 10;
/// `NFT_MSG_GETGEN`.
const GET: u16 = 16;
/// `NFTA_GEN_ID`.
const ID: u16 = 1;
/// `struct nfgenmsg`: no family, version 0, no resource.
const HEADER: [u8; 4] = [0; 4];

/// Asks for the generation of the rules in the network namespace of the first call.
#[derive(Debug, Default)]
pub(super) struct Generations {
    kernel: Kept<NETLINK_NETFILTER>,
}

impl Generations {
    /// The present one; none where the kernel does not tell.
    pub(super) fn present(&mut self) -> Option<u32> {
        let ask = |channel: &mut Channel| channel.fetch(question, generation);
        self.kernel.converse(ask).ok()?.first().copied()
    }
}

fn question(sequence: u32) -> Vec<u8> {
    const LENGTH: u32 = 16 + HEADER.len() as u32;
    let mut message = LENGTH.to_ne_bytes().to_vec();
    message.extend(((SUBSYSTEM << 8) | GET).to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    // To the kernel.
    message.extend(0_u32.to_ne_bytes());
    message.extend(HEADER);
    message
}

fn generation(reply: Reply<'_>) -> Result<Option<u32>, DecodeError> {
    let attributes = reply.payload.get(HEADER.len()..).unwrap_or_default();
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute?;
        if attribute.kind() == ID {
            return parse_u32_be(attribute.value()).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a trace of `nft`, which asks for no acknowledgement.
    #[test]
    fn the_question_is_that_of_nft() {
        let expected: Vec<u8> = [
            &20_u32.to_ne_bytes()[..],
            &0x0a10_u16.to_ne_bytes(),
            &5_u16.to_ne_bytes(),
            &7_u32.to_ne_bytes(),
            &[0; 8],
        ]
        .concat();
        assert_eq!(question(7), expected);
    }

    #[test]
    fn the_kernel_counts_changes_and_nothing_else() {
        use crate::kernel::firewall::tests::{in_namespace, nft};
        in_namespace(|| {
            let mut generations = Generations::default();
            let first = generations.present();
            assert!(first.is_some());
            assert_eq!(generations.present(), first);
            nft("add table ip something");
            let second = generations.present();
            assert_ne!(second, first);
            nft("list ruleset");
            assert_eq!(generations.present(), second);
        });
    }

    #[test]
    fn the_generation_is_read_in_the_order_of_the_network() {
        let mut payload = HEADER.to_vec();
        payload.extend([8, 0, 1, 0, 0, 0, 1, 2]);
        payload.extend([8, 0, 2, 0, 0, 0, 0, 9]);
        let reply = |payload| Reply { kind: 0, payload };
        assert_eq!(generation(reply(&payload)).unwrap(), Some(258));
        assert_eq!(generation(reply(&HEADER)).unwrap(), None);
        assert!(generation(reply(&payload[..9])).is_err());
    }
}
