//! tracestamp runtime
