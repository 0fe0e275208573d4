"""Send the metrics of a run to an experiment tracker: TensorBoard, MLflow, W&B or Trackio."""
