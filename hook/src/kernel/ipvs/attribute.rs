//! Reading and writing single netlink attributes: lengths are checked, errors name the attribute.

use netlink_packet_core::{DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NLA_HEADER_SIZE};

pub(super) use crate::kernel::netlink::EncodeError;

/// Reads one value; an error names the attribute and shows its bytes.
pub(super) fn read<T>(
    name: &str,
    value: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    parse(value).map(Some).map_err(|error| {
        DecodeError::from(format!("attribute {name} with bytes {value:02x?}: {error}"))
    })
}

/// The value, or an error that says which attribute the kernel left out.
pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| DecodeError::from(format!("attribute {name} is missing")))
}

/// One byte.
pub(super) fn u8(kind: u16, value: u8) -> DefaultNla {
    DefaultNla::new(kind, vec![value])
}

/// 16 bits in host byte order.
pub(super) fn u16(kind: u16, value: u16) -> DefaultNla {
    DefaultNla::new(kind, value.to_ne_bytes().to_vec())
}

/// 16 bits in network byte order, such as a port.
pub(super) fn u16_be(kind: u16, value: u16) -> DefaultNla {
    DefaultNla::new(kind, value.to_be_bytes().to_vec())
}

/// 32 bits in host byte order.
pub(super) fn u32(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_ne_bytes().to_vec())
}

/// 32 bits in network byte order, such as an IPv4 netmask.
pub(super) fn u32_be(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_be_bytes().to_vec())
}

/// Text with its closing NUL. `capacity` is the size of the kernel's buffer, the NUL included.
pub(super) fn text(
    kind: u16,
    name: &str,
    value: &str,
    capacity: usize,
) -> Result<DefaultNla, EncodeError> {
    if value.is_empty() || value.len() >= capacity || value.contains('\0') {
        return Err(EncodeError(format!(
            "{name} {value:?} must have 1 to {} bytes and no NUL",
            capacity.saturating_sub(1)
        )));
    }
    let mut bytes = value.as_bytes().to_vec();
    bytes.push(0);
    Ok(DefaultNla::new(kind, bytes))
}

/// Several attributes inside one.
///
/// The length is checked here because `DefaultNla` silently cuts it to 16 bits.
pub(super) fn nest(kind: u16, inner: &[DefaultNla]) -> Result<DefaultNla, EncodeError> {
    let length = inner.buffer_len();
    if length + NLA_HEADER_SIZE > usize::from(u16::MAX) {
        return Err(EncodeError(format!(
            "{length} bytes of attributes do not fit into one netlink attribute"
        )));
    }
    let mut bytes = vec![0; length];
    inner.emit(&mut bytes);
    Ok(DefaultNla::new(kind | NLA_F_NESTED, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fills_the_kernels_buffer_leaves_no_room_for_the_nul() {
        assert!(text(6, "scheduler", "exactly15bytes.", 16).is_ok());
        assert!(text(6, "scheduler", "exactly_16_bytes", 16).is_err());
        assert!(text(6, "scheduler", "", 16).is_err());
        assert!(text(6, "scheduler", "w\0c", 16).is_err());
    }

    #[test]
    fn a_nest_longer_than_16_bits_is_refused_and_not_cut() {
        let long = DefaultNla::new(1, vec![0; 40_000]);
        assert!(nest(1, std::slice::from_ref(&long)).is_ok());
        assert!(nest(1, &[long.clone(), long]).is_err());
    }
}
