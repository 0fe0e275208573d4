"""The line of a `%%finetune` cell: the folder of the images and options."""
