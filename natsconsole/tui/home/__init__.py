"""The Home screen: how the pipeline is, which hosts are behind, what became of each line."""
