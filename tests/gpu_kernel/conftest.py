"""Modules that are covered by a test of another name.

agent_connection, agent_transport: tests/gpu_kernel/test_client.py
all_agents: tests/actions/runs/test_remote_finetune.py
subscribers: tests/gpu_kernel/test_client.py
standby: tests/gpu_kernel/test_bridge.py
deploy, journal_entry: tests/gpu_kernel/agent/test_agent.py
cuda_env: tests/actions/keras/test_settings.py
"""
