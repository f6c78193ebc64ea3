"""Feature sets: functionals of descriptors, openSMILE, pretrained encoders and speaker networks."""
