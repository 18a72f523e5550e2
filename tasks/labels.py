"""Label spaces: which labels a reply may name, and the words that name them. The words are data, in tasks/spaces/."""
