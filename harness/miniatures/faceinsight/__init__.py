"""The miniature of FaceInsight: stand-ins for the pretrained parts, then the model's own training on top of them.

Everything pretrained is frozen in FaceInsight, so random parts would teach it nothing. Three stand-ins are trained
first: a CLIP on toy faces and statements about them (for FLIP), a ViT on coloured segmentation maps, and a Llama on
text alone (for Vicuna).
"""
