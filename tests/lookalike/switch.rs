//! Faults that are switched by name while a look-alike runs.

/// The name of the behaviour without a fault, in every service.
pub const HEALTHY: &str = "healthy";

/// A service of the look-alike whose behaviour has a name and can be changed while it runs. The
/// next connection (or datagram) sees the change; those under way go on as they began.
pub trait Switchable: Send + Sync {
    /// What it is called, such as `rdp`, `smtp/587` or `owa`.
    fn name(&self) -> String;

    /// All behaviours, [`HEALTHY`] first.
    fn behaviours(&self) -> Vec<&'static str>;

    /// Takes on the behaviour of this name.
    ///
    /// # Errors
    /// The name is none of [`behaviours`](Self::behaviours); the message lists them.
    fn switch(&self, behaviour: &str) -> Result<(), String>;
}
