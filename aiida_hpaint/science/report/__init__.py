"""Reports of restorations for readers: HTML pages that work alone and offline."""
