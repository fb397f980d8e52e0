//! New versions: of the checkout, of images.

pub mod images;
