"""The main job end to end, on real objects: changed in S3, purged at ImageKit, seen fresh at the edge."""
