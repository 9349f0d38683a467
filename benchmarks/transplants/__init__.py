"""Experiments of Canal & Taschin 2020: is a transplant better than training anew?"""
