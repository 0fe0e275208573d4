"""The photos: finding, splitting, decoding and varying them. The only folder that imports PIL."""
