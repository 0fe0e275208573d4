"""What moves in the notebook. The only folder that imports anywidget and ipywidgets."""
