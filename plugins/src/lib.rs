//! governess checks: a library, and one thin binary each.
