//! `sysctl.d(5)`.

use crate::setup::WantedSysctl;

/// A file for `/etc/sysctl.d`, each parameter with its reason.
pub fn text(wanted: &[WantedSysctl]) -> String {
    let mut text = String::from(
        "# net.ipv4.vs.* is there only while the module ip_vs is loaded: name it in\n\
         # /etc/modules-load.d, or these lines are passed over at boot.\n",
    );
    for WantedSysctl { name, value, why } in wanted {
        let why = shared::text::one_line(why);
        text += &format!("\n# {why}\n{name} = {value}\n");
    }
    text
}
