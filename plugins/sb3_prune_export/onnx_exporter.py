"""placeholder while numpy is tried"""
